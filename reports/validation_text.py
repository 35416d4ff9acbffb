"""The prose of the validation report: what does not depend on results."""

Cells = tuple[tuple[str, ...], ...]

QUESTION = """\
Was this image enlarged by a super-resolution network or an interpolation kernel; if so, by which of the enrolled
sources; and how strong is that evidence?"""
VERDICTS: Cells = (
    ("verdict", "it claims", "it does not claim"),
    (
        "`known_source`",
        "the image was enlarged, and of the enrolled sources the first one named explains its traces best",
        "that no other network in the world could have left them",
    ),
    ("`unknown_source`", "it was enlarged, by none of the enrolled sources", "anything about who or what did it"),
    ("`not_upscaled`", "no traces of enlargement were found", "that the image is an unaltered photograph"),
    ("`inconclusive`", "nothing; the notes say why", "that the image is suspicious"),
)
QUESTION_ENDS = """\
It does not answer who enlarged an image, when, why, or whether what it shows is true. It says nothing about other
edits, and nothing about images that a generator made from nothing. The worst error is to call an untouched
photograph enlarged; it is counted on its own below."""

TERMS = """\
* **Source**: a network with its weights, or an interpolation kernel. **Enrolled**: the tool compares with it.
* **Innocent**, **original**: a photograph that was never enlarged, whatever else was done to it (its **history**).
* **Top-1**: share of images whose likeliest source is the true one. An original counts as right if and only if the
  verdict is `not_upscaled`. **Named**: the verdict is `known_source`, so the evidence passed the thresholds.
* **Likelihood ratio (LR)**: how much likelier the traces are under one proposition than under the other. At the
  activity level: upscaled against not. At the source level: this source against the other upscalers. A posterior
  probability needs a prior too, which is the user's to choose.
* **Cllr**: cost of likelihood ratios in bits; 0 is perfect, 1 is what saying nothing costs. **Cllr-min**: the cost
  that is left after the best monotone recalibration; the difference is what calibration loses.
* **ELUB**: empirical lower and upper bounds, the largest ratios that so many comparisons support.
* **Expected calibration error (ECE)**: mean distance between stated probabilities and the shares that came true.
* **AUROC**, **FPR at 95 % TPR**, **OSCR**: how well known sources are told from unknown ones; 1, 0 and 1 are
  perfect.
* **Interval**: 95 %. The photograph is the unit, not the image, since all sources show the same photographs."""

PHOTOGRAPHS: Cells = (
    ("photographs", "licence", "use"),
    (
        "BSDS500 train (Berkeley Segmentation Data Set 500)",
        "non-commercial research and education",
        "training of our super-resolution networks",
    ),
    (
        "BSDS500 test",
        "the same",
        "fitting: what published sources and our networks make of them; originals",
    ),
    (
        "BSDS500 val",
        "the same",
        "**testing** alone: published test pictures show the first of them; innocents; whole photographs",
    ),
    ("Set5, Set14 (benchmarks)", "research benchmarks, not redistributed", "**testing** alone: innocents"),
    (
        "pictures straight from digital cameras and phones",
        "not redistributed",
        "innocents: fitting, and testing by cross-validation over cameras",
    ),
    (
        "Urban100, crops (lossless)",
        "research benchmark, not redistributed",
        "innocents: fitting, and testing by cross-validation",
    ),
    (
        "photographs in scikit-image's package",
        "free, as its documentation says of each",
        "**testing** alone: innocents; the pictures of failures below (CC0 or public domain)",
    ),
)
PUBLISHED = """\
None of these pictures is part of this repository but those of failures. Published pictures were made by the
networks' own official code and weights, from inputs reduced by the network's scale with Pillow's bicubic, as
192×192 crops in lossless WebP."""

PROTOCOL = """\
* **Fitted on training photographs.** Discriminants, calibrations, the learned part of the fingerprint where there
  is one, and the router that tells processing conditions apart: all on the training splits above.
* **Tuned on held-out folds of the training photographs.** Thresholds, shrinkage, bounds of likelihood ratios and
  temperatures. Folds keep a photograph, or a camera, together: it never is on both sides.
* **Tested on photographs of no training split**, but for cameras and Urban100, which are judged by references that
  never saw the camera or the picture. Thresholds, weights and shrinkage are set without these pictures.
* **Every answer comes from the attributor that analysts use**, on files written to disk, with the default priors.
* **Networks that are left out** are left out of the fit and of the thresholds, then judged.
* The test photographs of `evaluate`, `stress` and `calibration` are the same. Their errors are not independent."""

LIR = """\
The figures on likelihood ratios (`fingerprint.likelihood_ratios`) are our own code. The tests hold Cllr and
Cllr-min, the ELUB bounds and the empirical cross-entropy against the library lir of the Netherlands Forensic
Institute, on made-up and on awkward likelihood ratios (`tests/test_fingerprint_likelihood_ratios.py`). Ratios that
answers report are bounded, so they cannot be as extreme as a model alone would have them. Comparisons at the source
level are not independent: each picture is compared with every enrolled source. Against sources of one scale the
question is harder, and closer to what is asked where the scale is not in dispute."""

LIMITS = """\
* The test pictures show few photographs, most of one collection of scans. A camera, a scanner or a subject unlike
  them may behave unlike them. Photographs are the unit of the intervals, so they are wide where photographs are
  few.
* An interval covers the chance in drawing photographs, not a difference between these photographs and a case's.
* The enrolled sources are some that were published, kernels, and small networks trained for this project. Most
  networks in use are not among them. Read `known_source` as 'this one or a close relative'.
* Test pictures of sources were reduced by one kernel before they were enlarged. Other inputs may leave other
  traces.
* `not_upscaled` means that no trace was found. Reduction and strong compression remove traces.
* The same test pictures measured earlier versions of the tool. Whoever builds a tool sees such numbers, so a test
  on pictures that nobody here has seen may come out a little worse.
* The priors of the tables are the tool's defaults. They are no statement about a case.
* Whoever knows the tool can defeat it; the adversary's section says how often.
* All of this was measured by the tool's makers. The commands below let others repeat it, on their own photographs
  too."""

FAILURES = """\
Pictures on which the tool is wrong, or says nothing. They were made when this report was made: photographs from
scikit-image's package, enlarged by networks of our zoo or by kernels, or left as they are, then processed. A menu
of hard cases went through the attributor; for each kind of failure the worst are shown. Shares of this menu are no
error rates. The files in `failures` are those that were judged: `attribute FILE` gives the same answer."""
