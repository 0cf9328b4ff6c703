"""Helm as the demo calls it."""

from pathlib import Path

import pytest

from demo.tools import CommandError, Helm


def helm_that_fails(folder: Path, words: str) -> Helm:
    (folder / "helm").write_text(f"#!/bin/sh\necho 'Error: {words}' >&2\nexit 1\n")
    (folder / "helm").chmod(0o755)
    return Helm(folder / "helm", folder / "kubeconfig")


def test_a_release_that_somebody_was_killed_over_has_a_cure(tmp_path: Path) -> None:
    words = "UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress"
    with pytest.raises(CommandError) as caught:
        helm_that_fails(tmp_path, words).install("demo", tmp_path, "here", {})
    assert words in str(caught.value)
    assert "make demo-down" in str(caught.value)


def test_another_failure_has_helms_own_words_alone(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        helm_that_fails(tmp_path, "the quota is used up").install("demo", tmp_path, "here", {})
    assert str(caught.value).endswith("Error: the quota is used up")
