"""The networks of the lesion inpainter, in plain torch.

Only files of this folder import torch at file scope; the rest of the library imports them inside functions.
"""
