from .inference.predictor import Predictor as Predictor
from .inference.result import Result as Result
from .method import __version__ as __version__
from .network.config import VARIANTS as VARIANTS
from .network.config import CSCConfig as CSCConfig
from .network.model import CSC as CSC
from .network.weights import load_model as load_model
