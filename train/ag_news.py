"""Train on AG News with textcnn or att_blstm.

python -m train.ag_news --extra --model att_blstm
"""

from train.main import main

if __name__ == "__main__":
    raise SystemExit(main(["ag_news"], ["textcnn", "att_blstm"], __doc__ or ""))
