import dataclasses
import tomllib

import pytest

from model_zoo.distillation.config import DistilConfig
from model_zoo.functional import count_parameters, skeleton
from model_zoo.losses.spec import parse_loss
from model_zoo.sweeps import find_sweep, folder_name, read_sweep, shipped_sweeps, short

SMALL = """
[defaults]
architecture = "fsrcnn"
steps = 40
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="small.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_sweep(path)

    return from_text


def test_lists_of_a_grid_are_axes(read):
    sweep = read(SMALL + "[[grid]]\nscale = [2, 3]\nseed = [1, 2]\nwidth = 4\n")
    assert sweep.name == "small"
    assert [(run.scale, run.seed) for run in sweep.runs] == [(2, 1), (2, 2), (3, 1), (3, 2)]
    assert all((run.steps, run.width, run.architecture) == (40, 4, "fsrcnn") for run in sweep.runs)
    assert sweep.runs[0].name == "small-fsrcnn-x2-l1-all-s1"


def test_expanding_is_a_pure_function_of_the_text(read):
    text = SMALL + "[[grid]]\nseed = [1, 2]\nlearning_rate = 1\n"
    first, second = read(text), read(text)
    assert first == second
    assert isinstance(first.runs[0].learning_rate, float)  # 1 and 1.0 are one run
    assert first.runs[0].run_id() == read(text.replace("rate = 1", "rate = 1.0")).runs[0].run_id()


@pytest.mark.parametrize(
    ("scale", "loss", "depth", "expected"),
    [
        (2, "l1", 1, {"steps": 40, "batch": 4, "patch": 7, "width": None, "options": ("blocks=2", "reduction=4")}),
        (2, "l2", 1, {"steps": 40, "batch": 5, "width": None}),
        (4, "l1", 1, {"steps": 50, "batch": 4, "width": 6, "options": ("blocks=2", "reduction=2")}),
        (4, "l1", 2, {"steps": 50, "batch": 4, "depth": 2, "width": None}),
    ],
)
def test_which_layer_wins(read, scale, loss, depth, expected):
    run = read(
        f"""
        [defaults]
        steps = 40
        options = {{ blocks = 1, reduction = 4 }}
        [scale.4]
        steps = 50
        batch = 3
        [architecture.rcan]
        batch = 4
        depth = 1
        options = {{ blocks = 2 }}
        [loss.l2]
        batch = 5
        [data.A]
        data = "bsds500/train:A"
        patch = 7
        [[when]]
        match = {{ architecture = "rcan", scale = [3, 4], depth = 1 }}
        set = {{ width = 6, options = {{ reduction = 2 }} }}
        [[grid]]
        architecture = "rcan"
        scale = {scale}
        data = "A"
        loss = "{loss}"
        depth = {depth}
        """
    ).runs[0]
    assert run.data == "bsds500/train:A" and run.name == f"small-rcan-x{scale}-{loss}-A-s0"
    assert {key: getattr(run, key) for key in expected} == expected


def test_a_label_may_stand_for_any_architecture_or_loss(read):
    sweep = read(
        """
        [architecture.slim]
        architecture = "edsr"
        width = 8
        [loss.weak]
        loss = "l1 + 0.0001*gan"
        [[grid]]
        architecture = "slim"
        loss = ["weak", "l1 + 0.1*fft"]
        """
    )
    assert [run.name for run in sweep.runs] == ["small-slim-x2-weak-all-s0", "small-slim-x2-l1-0.1-fft-all-s0"]
    assert [run.loss for run in sweep.runs] == ["l1 + 0.0001*gan", "l1 + 0.1*fft"]
    assert all((run.architecture, run.width) == ("edsr", 8) for run in sweep.runs)


def test_options_may_be_an_axis_but_not_of_names(read):
    text = """
    template = "{architecture}-w{width}"
    [[when]]
    match = { width = 5 }
    set = { options = { res_scale = 0.5 } }
    [[grid]]
    architecture = "edsr"
    """
    with pytest.raises(ValueError, match="two runs are called 'edsr-w4'"):
        read(text + "width = 4\noptions = [{ res_scale = 0.1 }, { res_scale = 1 }]\n")
    runs = read(text + "width = [4, 5]\n").runs
    assert [run.network() for run in runs] == [{"width": 4}, {"width": 5, "res_scale": 0.5}]


def test_values_of_options_keep_their_kind(read):
    options = '{ blocks = 2, ratio = 0.5, direct = true, kind = "a b" }'
    run = read(SMALL + f"options = {options}\n[[grid]]\nseed = 1\n").runs[0]
    assert run.network() == {"blocks": 2, "ratio": 0.5, "direct": True, "kind": "a b"}


def test_the_folder_of_the_file_may_hold_the_pictures(read, tmp_path):
    run = read(SMALL + 'data = "dir:{folder}/photos"\n[[grid]]\nseed = 1\n').runs[0]
    assert run.data == f"dir:{tmp_path}/photos" and run.name == "small-fsrcnn-x2-l1-photos-s1"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("bsds500/train", "all"),
        ("bsds500/train:A", "A"),
        ("bsds500/train:B/4", "B4"),
        ("bsds500/val", "bsds500-val"),
        ("dir:/home/x/my photos", "my-photos"),
        ("dir:div2k", "div2k"),
    ],
)
def test_pictures_have_short_names(label, expected):
    assert short("data", label) == expected


class TestParents:
    TEXT = (
        SMALL
        + """
        [loss.gan]
        loss = "l1 + 0.001*gan"
        warm_start = "l1"
        steps = 10
        [[grid]]
        loss = ["gan", "l1"]
        seed = [1, 2]
        """
    )

    def test_come_first_and_are_named_by_their_folder(self, read):
        sweep = read(self.TEXT)
        assert [(run.loss[-3:], run.seed) for run in sweep.runs] == [("l1", 1), ("gan", 1), ("l1", 2), ("gan", 2)]
        for parent, child in (sweep.runs[:2], sweep.runs[2:]):
            assert child.warm_start == folder_name(parent) == f"{parent.name}-{parent.run_id()}"
            assert parent.warm_start is None and child.steps == 10
        assert sweep.parents() == {
            sweep.runs[1].run_id(): sweep.runs[0].run_id(),
            sweep.runs[3].run_id(): sweep.runs[2].run_id(),
        }

    def test_change_their_childrens_ids(self, read):
        longer = read(self.TEXT.replace("steps = 40", "steps = 41"))
        assert read(self.TEXT).runs[1].run_id() != longer.runs[1].run_id()

    def test_have_the_same_shape(self, read):
        text = self.TEXT + 'width = [4, 6]\ntemplate = "{loss}-{seed}-{width}"\n'
        for parent, child in zip(*[iter(read(text).runs)] * 2, strict=True):
            assert child.warm_start == folder_name(parent) and child.width == parent.width

    def test_may_differ_in_scale_and_have_parents_themselves(self, read):
        sweep = read(SMALL + "warm_start = { scale = 2 }\n[[grid]]\nscale = [4, 3, 2]\n")
        assert [run.scale for run in sweep.runs] == [2, 4, 3]
        assert sweep.runs[0].warm_start is None
        assert {run.warm_start for run in sweep.runs[1:]} == {folder_name(sweep.runs[0])}

    def test_from_elsewhere_stay_as_they_are(self, read):
        assert read(SMALL + 'warm_start = "whorl-fsrcnn-x2"\n[[grid]]\nseed = 1\n').runs[0].warm_start == (
            "whorl-fsrcnn-x2"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('warm_start = { loss = "l2" }\n[[grid]]\nseed = 1\n', "like run with loss l2, but no run fits"),
            (
                'template = "{steps}-{scale}"\nwarm_start = { scale = 2 }\n[[grid]]\nsteps = [5, 6]\nscale = [2, 4]\n',
                r"but 2 runs \(5-2, 6-2\) fits",
            ),
            (
                "[[grid]]\nscale = 2\nwarm_start = { scale = 4 }\n[[grid]]\nscale = 4\nwarm_start = { scale = 2 }\n",
                "would start from itself",
            ),
            ("warm_start = {}\n[[grid]]\nseed = 1\n", "must say what the parent differs in"),
            ("warm_start = { los = 1 }\n[[grid]]\nseed = 1\n", "has no key 'los'; did you mean 'loss'"),
        ],
    )
    def test_that_cannot_be_are_refused(self, read, text, message):
        head = SMALL
        if text.startswith("template"):
            template, _, text = text.partition("\n")
            head = f"{template}\n{SMALL}"
        with pytest.raises(ValueError, match=message):
            read(head + text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[grid", "small.toml is not TOML: "),
        ("steps = 3\n", "the file has no key 'steps'"),
        ("[default]\n", "the file has no key 'default'; did you mean 'defaults'?"),
        ("[defaults]\nstep = 3\n", r"\[defaults\] has no key 'step'; did you mean 'steps'?"),
        ("[defaults]\nname = 'x'\n[[grid]]\n", r"\[defaults\] has no key 'name'"),
        ("[loss.l1]\nscale = 3\n[[grid]]\n", r"\[loss.l1\] has no key 'scale'"),
        ("[[grid]]\nsteps = '3'\n", r"\[\[grid\]\] 1 steps must be a whole number, got '3'"),
        ("[[grid]]\nsteps = true\n", "steps must be a whole number, got True"),
        ("[[grid]]\nlearning_rate = 'x'\n", "learning_rate must be a number, got 'x'"),
        ("[[grid]]\nwidth = [4, 1.5]\n", "width must be a whole number, got 1.5"),
        ("[[grid]]\nscale = 2.0\n", "scale must be a text or a whole number, got 2.0"),
        ("[[grid]]\nscale = 'two'\n", "scale must be a whole number, got 'two'"),
        ("[[grid]]\nseed = []\n", "seed must not be an empty list"),
        ("[[grid]]\nsteps = 0\n", "run small-edsr-x2-l1-all-s0: steps must be at least 1, got 0"),
        ("[[grid]]\nloss = 'l3'\n", "run small-edsr-x2-l3-all-s0: loss must be one of"),
        ("[[grid]]\narchitecture = 'edsl'\n", "architecture must be one of edsr, .*, got 'edsl'"),
        ("[[grid]]\noptions = 3\n", "options must be a table, got 3"),
        ("[[grid]]\noptions = { a = [1] }\n", "options.a must be a number, a text, true or false"),
        ("[[grid]]\nwidth = [4, 5]\n", "two runs are called 'small-edsr-x2-l1-all-s0'"),
        ("grid = 3\n", r"grid must be tables \[\[grid\]\], got 3"),
        ("grid = [3]\n", r"\[\[grid\]\] 1 must be a table, got 3"),
        ("loss = 3\n[[grid]]\n", "loss must be a table, got 3"),
        ("loss.l1 = 3\n[[grid]]\n", "loss.l1 must be a table"),
        ("[[when]]\nmatches = {}\n[[grid]]\n", r"\[\[when\]\] 1 has no key 'matches'; did you mean 'match'"),
        ("[[when]]\nset = { loss = 'l1' }\n[[grid]]\n", r"\[\[when\]\] 1 set has no key 'loss'"),
        ("name = 3\n[[grid]]\n", "name must be text, got 3"),
        ("template = '{sed}'\n[[grid]]\n", "template has no key 'sed'; did you mean 'seed'"),
        ("template = '{seed'\n[[grid]]\n", "template must be text with fields in braces"),
        ("template = '{width}'\n[[grid]]\n", "template '{width}' uses width, which is not set"),
        ("template = 'a/{seed}'\n[[grid]]\n", "name must be letters, digits"),
        ("template = '{loss:d}'\n[[grid]]\n", "cannot be filled in"),
        ("kind = 'x'\n[[grid]]\n", "kind must be one of training, distillation, got 'x'"),
        ("[[grid]]\nmethod = 'output'\n", "has no key 'method'"),
        ("kind = 'distillation'\n[[grid]]\nmethod = 'output'\n", "teacher must be given for method output"),
        ("", "there is no .*grid.*, so there are no runs"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_place(read, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(text)
    assert "small.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_shards_keep_families_together_and_share_everything_out(read):
    sweep = read(TestParents.TEXT.replace("[1, 2]", "[1, 2, 3, 4, 5]"))
    shares = [sweep.shard(place, 3) for place in (1, 2, 3)]
    assert sorted(run.name for share in shares for run in share.runs) == sorted(run.name for run in sweep.runs)
    assert [len(share.runs) for share in shares] == [4, 4, 2]
    for share in shares:
        assert len(share.parents()) == len(share.runs) // 2
    with pytest.raises(ValueError, match="shard must be i/n with 1 <= i <= n, got 4/3"):
        sweep.shard(4, 3)


class TestShipped:
    def test_are_found_by_name(self, tmp_path, monkeypatch):
        assert shipped_sweeps() == [
            "finetunes",
            "paper",
            "pisr",
            "reference",
            "released",
            "smoke",
            "standins",
            "students",
        ]
        monkeypatch.chdir(tmp_path)
        assert find_sweep("reference") == find_sweep("reference.toml")
        with pytest.raises(
            ValueError,
            match="a TOML file or one of finetunes, paper, pisr, reference, released, smoke, standins, students, "
            "got 'rference'",
        ):
            find_sweep("rference")
        (tmp_path / "reference.toml").write_text("")
        assert find_sweep("reference.toml").resolve() == tmp_path / "reference.toml"  # one's own comes first

    @pytest.mark.parametrize(("name", "count", "children"), [("reference", 101, 44), ("paper", 180, 120)])
    def test_have_their_number_of_runs(self, name, count, children):
        sweep = read_sweep(find_sweep(name))
        assert len(sweep.runs) == count == len({run.run_id() for run in sweep.runs})
        assert len({run.name for run in sweep.runs}) == count
        assert len(sweep.parents()) == children
        adversarial = [run for run in sweep.runs if parse_loss(run.loss).kind == "adversarial"]
        assert len(adversarial) == children and all(run.warm_start for run in adversarial)

    def test_students_are_distillations_and_twins(self):
        runs = [run for run in read_sweep(find_sweep("students")).runs if isinstance(run, DistilConfig)]
        assert len(runs) == 42
        taught = [run for run in runs if run.method != "none"]
        assert len(taught) == 36 and len({run.teacher for run in taught}) == 3
        assert {run.truth for run in taught if run.method == "output"} == {0.0}
        assert len([run for run in runs if run.method == "none"]) == 6

    def test_pisr_has_three_seeds_of_both_at_every_scale(self):
        runs = [run for run in read_sweep(find_sweep("pisr")).runs if isinstance(run, DistilConfig)]
        equal = [run for run in runs if run.steps == 3000]
        assert {(run.scale, run.method, run.seed) for run in equal} == {
            (scale, method, seed) for scale in (2, 3, 4) for method in ("pisr", "none") for seed in (1, 2, 3)
        }
        longer = [run for run in runs if run not in equal]
        assert [(run.scale, run.method, run.steps) for run in longer] == [(4, "none", 6000)] * 3

    def test_reference_has_what_was_asked_for(self):
        runs = read_sweep(find_sweep("reference")).runs

        def count(**wanted):
            return sum(all(getattr(run, key) == value for key, value in wanted.items()) for run in runs)

        for architecture in ("edsr", "rdn", "rcan", "swinir", "nlsn"):
            for loss in ("l1", "paper-a", "paper-b"):
                for scale in (2, 4):
                    seeds = (1, 2, 3) if architecture in ("edsr", "rcan") else (1,)
                    for seed in seeds:
                        wanted = {"architecture": architecture, "loss": loss, "scale": scale, "seed": seed}
                        assert count(data="bsds500/train:A", **wanted) >= 1
            for data in ("bsds500/train:B", "bsds500/train:A/4", "bsds500/train:B/4"):
                assert count(architecture=architecture, data=data, loss="l1") == 2
            assert count(architecture=architecture, scale=3, loss="l1") == 1
        weights = {parse_loss(run.loss).adversarial_weight for run in runs}
        assert {1e-4, 1e-3, 1e-2} <= weights
        assert len({run.depth for run in runs if run.architecture == "edsr"}) == 3

    def test_paper_has_its_published_sizes(self):
        runs = read_sweep(find_sweep("paper")).runs
        millions = {}
        for run in runs:
            if run.scale == 2 and run.architecture not in millions:
                shapes = skeleton(run.architecture, scale=2, **run.network())[1]
                millions[run.architecture] = round(count_parameters(shapes) / 1e6, 1)
        # as their papers and authors' code have them: EDSR 40.7, RDN 22.1, RCAN 15.4, SwinIR 11.8, NLSN 41.8
        assert millions == {"edsr": 40.7, "rdn": 22.1, "rcan": 15.4, "swinir": 11.8, "nlsn": 41.8}
        assert all(run.steps == 50_000 for run in runs)
        assert {run.data for run in runs} == {
            "dir:div2k", "dir:flickr2k", "dir:div2k-quarter", "dir:flickr2k-quarter"
        }  # fmt: skip
        assert {run.scale for run in runs} == {2, 4}

    def test_files_are_as_they_are_read(self):
        for name in shipped_sweeps():
            path = find_sweep(name)
            assert tomllib.loads(path.read_text(encoding="utf-8"))["grid"]
            for run in read_sweep(path).runs:
                assert set(dataclasses.asdict(run)) == {field.name for field in dataclasses.fields(type(run))}
