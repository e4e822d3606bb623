"""What a measurement compares with: installed where it is missing, left out where it cannot be."""

import subprocess

from benchmarks import _peers


def test_only_what_is_missing_is_installed(monkeypatch, capsys):
    asked = []

    def run(command, **options):
        asked.append(command[5:])
        return subprocess.CompletedProcess(command, 1, "", "a warning\nno such version\n")

    monkeypatch.setattr(_peers, "find_spec", lambda module: module == "transformers")
    monkeypatch.setattr(subprocess, "run", run)
    _peers.install("transformers", "llms_from_scratch")
    assert asked == [["--no-deps", "llms-from-scratch==1.0.19"]]
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "llms-from-scratch cannot be installed and is left out: no such version"
    assert _peers.libraries("transformers", "llama_cpp") == ["torch", "transformers"]
