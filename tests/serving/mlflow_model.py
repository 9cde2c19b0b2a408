"""A model as MLflow's own manual has it: numbers by its flavour for ONNX, images by Python code.

    python mlflow_model.py FOLDER ...

In each folder, as trainer.py writes it, makes a folder "mlflow" for `mlflow models serve`.
"""

import base64
import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd


class OfImages(mlflow.pyfunc.PythonModel):
    """Takes a column of images in Base64, and gives a column of scores for each class."""

    def load_context(self, context):
        self.session = onnxruntime.InferenceSession(context.artifacts["model"])
        self.classes = json.loads(Path(context.artifacts["classes"]).read_text())

    def predict(self, context, model_input, params=None):
        from trainer import decode

        images = [decode(base64.b64decode(content)) for content in model_input["image"]]
        (scores,) = self.session.run(None, {"x": np.array(images)})
        return pd.DataFrame(scores, columns=self.classes)


def save(folder):
    path = folder / "model.onnx"
    if (columns := folder / "columns.json").exists():
        # Without a signature whole numbers do not become what the network takes.
        names = json.loads(columns.read_text())
        schema = mlflow.types.Schema([mlflow.types.ColSpec("double", name) for name in names])
        signature = mlflow.models.ModelSignature(schema)
        mlflow.onnx.save_model(onnx.load(path), folder / "mlflow", signature=signature)
        return
    mlflow.pyfunc.save_model(
        folder / "mlflow",
        python_model=__file__,
        artifacts={"model": str(path), "classes": str(folder / "classes.json")},
        code_paths=[str(Path(__file__).with_name("trainer.py"))],
        pip_requirements=[],
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        save(Path(name))
else:
    mlflow.models.set_model(OfImages())
