"""Trainers as people use them, none of which chose a plan: what verdicts do they get?"""
