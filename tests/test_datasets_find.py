import os

import pytest

from datasets import InputError, find_images


def found(*paths):
    return [item if isinstance(item, str) else (item.path, item.reason) for item in find_images(paths)]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.PNG", "b/1.jpeg", "b/a/x.webp", "b/notes.txt", "b/Z.tif", "b/x.png/inner.gif", "c/readme.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def test_folders_are_walked_in_order_and_files_chosen_by_suffix(tree):
    assert found("b") == ["b/1.jpeg", "b/2.PNG", "b/Z.tif", "b/a/x.webp", "b/x.png/inner.gif"]


def test_paths_stay_as_given(tree):
    assert found("./b/a/", "b/notes.txt", str(tree / "b" / "a")) == [
        "./b/a/x.webp",
        "b/notes.txt",
        str(tree / "b" / "a" / "x.webp"),
    ]


def test_a_file_named_twice_is_given_twice(tree):
    assert found("b/2.PNG", "b/2.PNG") == ["b/2.PNG"] * 2


def test_missing_paths_and_empty_folders_are_reported_and_stop_nothing(tree):
    assert found("nowhere.png", "c", "b/a", "", "b/notes.txt/x") == [
        ("nowhere.png", "no such file or folder"),
        ("c", "the folder holds no pictures"),
        "b/a/x.webp",
        ("", "the path is empty"),
        ("b/notes.txt/x", "no such file or folder"),
    ]


def test_a_folder_named_like_a_picture_is_a_folder(tree):
    assert found("b/x.png") == ["b/x.png/inner.gif"]


def test_links_are_followed_once_and_loops_end(tree):
    (tree / "b" / "a" / "up").symlink_to(tree / "b", target_is_directory=True)
    (tree / "b" / "again").symlink_to(tree / "b" / "a", target_is_directory=True)
    (tree / "b" / "self.png").symlink_to(tree / "b" / "self.png")
    (tree / "b" / "gone.png").symlink_to(tree / "nowhere")
    names = found("b")
    assert names.count("b/a/x.webp") == 1 and not any("again" in str(name) for name in names)
    assert "b/self.png" in names and "b/gone.png" in names
    assert found("b/gone.png") == [("b/gone.png", "is a broken link")]


def test_a_folder_that_may_not_be_listed_is_reported(tree, monkeypatch):
    listing = os.scandir

    def refuse(path):
        if str(path).endswith("a"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert ("b/a", "Permission denied") in found("b") and "b/1.jpeg" in found("b")


def test_items_are_found_one_by_one(tree):
    walk = find_images(["b", "c"])
    assert next(walk) == "b/1.jpeg"
    assert isinstance(list(walk)[-1], InputError)
