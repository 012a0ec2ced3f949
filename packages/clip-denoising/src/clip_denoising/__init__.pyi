from .baselines import estimate_sigma as estimate_sigma
from .config import VARIANTS as VARIANTS
from .config import CLIPDenoiserConfig as CLIPDenoiserConfig
from .model import CLIPDenoiser as CLIPDenoiser
from .predict import CTPrediction as CTPrediction
from .predict import Prediction as Prediction
from .predict import Predictor as Predictor
from .weights import load_model as load_model
