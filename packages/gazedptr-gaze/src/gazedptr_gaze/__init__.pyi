from .inference.predictor import Predictor as Predictor
from .inference.result import Result as Result
from .network.config import VARIANTS as VARIANTS
from .network.config import GazeDPTRConfig as GazeDPTRConfig
from .network.model import GazeDPTR as GazeDPTR
from .network.weights import load_model as load_model
