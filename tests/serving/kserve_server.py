"""A model server as KServe's own manual has it, for both of its protocols.

    python kserve_server.py PORT FOLDER ...

Each folder, as trainer.py writes it, is a model by the name of the folder. Version 1 answers with
names of classes, version 2 with scores.
"""

import base64
import json
import sys
from pathlib import Path

import kserve
import numpy as np
import onnxruntime
from trainer import decode


class Served(kserve.Model):
    """Takes rows of numbers, or images in Base64."""

    def __init__(self, folder):
        super().__init__(folder.name)
        self.session = onnxruntime.InferenceSession(folder / "model.onnx")
        self.classes = json.loads((folder / "classes.json").read_text())
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, kserve.InferRequest):
            (given,) = payload.inputs
            scores = self.scores(given.as_numpy())
            output = kserve.InferOutput("scores", list(scores.shape), "FP32")
            output.set_data_from_numpy(scores, binary_data=False)
            return kserve.InferResponse(payload.id, self.name, [output])
        rows = [row["b64"] if isinstance(row, dict) else row for row in payload["instances"]]
        best = self.scores(rows).argmax(1)
        return {"predictions": [self.classes[index] for index in best]}

    def scores(self, rows):
        if isinstance(rows[0], str | bytes):
            rows = [decode(base64.b64decode(row)) for row in rows]
        return self.session.run(None, {"x": np.array(rows, np.float32)})[0]


if __name__ == "__main__":
    models = [Served(Path(folder)) for folder in sys.argv[2:]]
    kserve.ModelServer(http_port=int(sys.argv[1]), enable_grpc=False).start(models)
