"""The plug-in for napari, an image viewer; `assets/napari.yaml` names its functions. Only `widget` needs Qt."""
