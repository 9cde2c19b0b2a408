"""The trainers, the family of each, and the rehearsal that it is planned by."""

# pyright: reportMissingImports=false

from functools import partial
from typing import Any

from jaxverify.verification.families import Family
from train.zoo import augmentation, classical, mobilenet, networks
from train.zoo.stages import Setting, Upload
from train.zoo.torch_training import TorchTrainer


def _build_cnn(upload: Upload, dropout: float) -> Any:
    return networks.cnn(upload.num_classes, dropout)


def _cnn(
    rehearsal: str, words: str, family: Family = "network", dropout: float = 0.0, **changes: Any
) -> Setting:
    options = {"epochs": 20, "augment": augmentation.cropped, **changes}
    train = TorchTrainer(partial(_build_cnn, dropout=dropout), **options)
    return Setting(f"CNN, {words}", family, rehearsal, train)


def _resnet(upload: Upload) -> Any:
    return networks.resnet(upload.num_classes)


def _vision_transformer(upload: Upload) -> Any:
    return networks.VisionTransformer(upload.num_classes, upload.rows.features.shape[1])


def _mobilenet(upload: Upload) -> Any:
    return mobilenet.MobileNetV2(upload.num_classes)


def _textcnn(upload: Upload) -> Any:
    return networks.TextCNN(upload.num_classes, VOCABULARY)


def _text_transformer(upload: Upload) -> Any:
    length = upload.rows.features.shape[1]
    return networks.TextTransformer(upload.num_classes, VOCABULARY, length)


VOCABULARY = 20_002  # more token ids than any of our texts has
_ADAMW: dict[str, Any] = {"optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05}
_CROPPED: dict[str, Any] = {"epochs": 20, "augment": augmentation.cropped}
_IMAGES = {
    "cnn_plain": _cnn("plain", "no augmentation", augment=augmentation.unchanged),
    "cnn_crops": _cnn("crops_and_flips", "crops and flips"),
    "cnn_crops_adamw": _cnn("crops_and_flips", "crops and flips, AdamW", **_ADAMW),
    "cnn_crops_ema": _cnn("crops_and_flips", "crops and flips, average of weights", ema=0.99),
    "cnn_crops_smoothing": _cnn(
        "crops_and_flips", "crops and flips, label smoothing", label_smoothing=0.1
    ),
    "cnn_crops_best_loss": _cnn(
        "crops_and_flips", "crops and flips, stopped early by loss", keep="loss"
    ),
    "cnn_crops_best_accuracy": _cnn(
        "crops_and_flips", "crops and flips, stopped early by accuracy", keep="accuracy"
    ),
    "cnn_mixup": _cnn("mixup", "crops, flips and mixup", "regularised-network", mixup=0.4),
    "cnn_cutout": _cnn("cutout", "cutout", "regularised-network", augment=augmentation.cut_out),
    "cnn_randaugment": _cnn(
        "randaugment", "RandAugment", "regularised-network", augment=augmentation.randaugmented
    ),
    "cnn_regularised": _cnn(
        "regularised",
        "flips, dropout, weight decay, label smoothing",
        "regularised-network",
        dropout=0.6,
        weight_decay=5e-3,
        label_smoothing=0.2,
        augment=augmentation.flipped,
    ),
    "cnn_crops_half": _cnn("crops_and_flips", "crops and flips, half as many rows")._replace(
        elsewhere={"cloud_rows": 2_500}
    ),
    "cnn_crops_other_data": _cnn(
        "crops_and_flips", "crops and flips, other images: ten classes of CIFAR-100"
    )._replace(elsewhere={"dataset": "cifar100", "cloud_rows": 45_000, "held_out_rows": 10_000}),
    "resnet_crops": Setting(
        "residual network, crops and flips",
        "network",
        "crops_and_flips",
        TorchTrainer(_resnet, **_CROPPED),
    ),
    "vit_crops": Setting(
        "vision transformer, crops and flips",
        "network",
        "crops_and_flips",
        TorchTrainer(_vision_transformer, **_CROPPED, **_ADAMW),
    ),
    "mobilenet_finetuned": Setting(
        "MobileNetV2 of ImageNet, fine-tuned with flips",
        "network",
        "plain",
        TorchTrainer(_mobilenet, epochs=5, learning_rate=0.02, augment=augmentation.flipped),
    ),
}
_TEXTS = {
    "textcnn": Setting(
        "textcnn",
        "network",
        "text_plain",
        TorchTrainer(_textcnn, epochs=10, optimizer="adamw", learning_rate=1e-3),
    ),
    "text_transformer": Setting(
        "text transformer",
        "network",
        "text_plain",
        TorchTrainer(_text_transformer, epochs=12, optimizer="adamw", learning_rate=1e-3),
    ),
    "text_logistic": Setting(
        "TF-IDF, logistic regression", "linear", "text_plain", classical.TEXT_LOGISTIC
    ),
    "text_svm": Setting("TF-IDF, linear SVM", "linear", "text_plain", classical.TEXT_SVM),
    "text_bayes": Setting("TF-IDF, naive Bayes", "linear", "text_plain", classical.TEXT_BAYES),
    "fasttext": Setting("fastText", "linear", "text_plain", classical.fasttext),
}
_TABLES = {
    "mlp": Setting("MLP of scikit-learn", "network", "table_plain", classical.mlp(False)),
    "mlp_early": Setting(
        "MLP of scikit-learn, stopped early",
        "network",
        "table_early_stopping",
        classical.mlp(True),
    ),
    "logistic": Setting("logistic regression", "linear", "table_plain", classical.LOGISTIC),
    "svm": Setting("SVM, radial kernel", "unknown", "table_plain", classical.SVM),
    "naive_bayes": Setting("naive Bayes", "linear", "table_plain", classical.NAIVE_BAYES),
    "tree": Setting("one tree", "trees", "table_plain", classical.TREE),
    "forest": Setting("random forest", "trees", "table_plain", classical.FOREST),
    "histograms": Setting("HistGradientBoosting", "trees", "table_plain", classical.HISTOGRAMS),
    "lightgbm": Setting("LightGBM", "trees", "table_plain", classical.lightgbm),
    "xgboost": Setting("XGBoost", "trees", "table_plain", classical.xgboost),
    "catboost": Setting("CatBoost", "trees", "table_plain", classical.catboost),
    "neighbour": Setting("nearest neighbour", "neighbours", "table_plain", classical.NEIGHBOUR),
}
SETTINGS: dict[str, Setting] = {**_IMAGES, **_TEXTS, **_TABLES}
