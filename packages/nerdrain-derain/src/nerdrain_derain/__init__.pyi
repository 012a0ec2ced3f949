from .config import VARIANTS as VARIANTS
from .config import NeRDRainConfig as NeRDRainConfig
from .model import NeRDRain as NeRDRain
from .model import Restored as Restored
from .predict import Prediction as Prediction
from .predict import Predictor as Predictor
from .weights import load_model as load_model
