"""The behaviour that the commands of every method show: written once, run for each package.

A package subclasses a suite, as ``class TestPredict(PredictSuite)``, and says what its inputs are. What this method
alone does is tested beside it.
"""
