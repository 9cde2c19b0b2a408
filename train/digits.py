"""Train the small convnet on scikit-learn's digits: no download, a minute on a CPU.

python -m train.digits --extra
"""

from train.main import main

if __name__ == "__main__":
    raise SystemExit(main(["digits"], ["digits_cnn"], __doc__ or ""))
