from .config import HSAMConfig as HSAMConfig
from .config import Preprocessing as Preprocessing
from .model import HSAM as HSAM
from .output import Output as Output
from .predict import Predictor as Predictor
from .predict import Segmentation as Segmentation
from .volumes import Volume as Volume
from .weights import load_model as load_model
