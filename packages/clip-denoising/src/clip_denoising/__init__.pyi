from .evaluation.baselines import estimate_sigma as estimate_sigma
from .inference.predictor import CTPrediction as CTPrediction
from .inference.predictor import Prediction as Prediction
from .inference.predictor import Predictor as Predictor
from .network.config import VARIANTS as VARIANTS
from .network.config import CLIPDenoiserConfig as CLIPDenoiserConfig
from .network.model import CLIPDenoiser as CLIPDenoiser
from .network.weights import load_model as load_model
