"""In place of ONNX Runtime one whose models are Python, for what a model may do to a process."""

import os

RUNTIME = """
import ctypes, os, resource, signal, subprocess, sys, time
import numpy as np

class SessionOptions:
    def add_session_config_entry(self, key, value):
        pass

class End:
    def __init__(self, name):
        self.name, self.type, self.shape = name, "tensor(float)", [None, 2]

class InferenceSession:
    def __init__(self, content, options, providers):
        self.model = dict(globals())
        exec(content, self.model)

    def get_inputs(self):
        return self.model.get("inputs", [End("x")])

    def get_outputs(self):
        return [End(name) for name in self.model.get("names", ["y"])]

    def run(self, names, given):
        return self.model["run"](*given.values())
"""


def install(folder, monkeypatch):
    """A process that is started will find it, and this one will know that it is there."""
    folder.mkdir()
    (folder / "onnxruntime.py").write_text(RUNTIME)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), before])))
    monkeypatch.syspath_prepend(folder)
