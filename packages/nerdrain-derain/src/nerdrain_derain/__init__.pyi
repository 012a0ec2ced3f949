from .inference.predictor import Prediction as Prediction
from .inference.predictor import Predictor as Predictor
from .method import __version__ as __version__
from .network.config import VARIANTS as VARIANTS
from .network.config import NeRDRainConfig as NeRDRainConfig
from .network.model import NeRDRain as NeRDRain
from .network.model import Restored as Restored
from .network.weights import load_model as load_model
