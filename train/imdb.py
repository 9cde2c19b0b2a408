"""Train on the IMDB reviews (Large Movie Review Dataset) with textcnn or att_blstm.

python -m train.imdb --extra --model att_blstm
"""

from train.main import main

if __name__ == "__main__":
    raise SystemExit(main(["imdb"], ["textcnn", "att_blstm"], __doc__ or ""))
