"""A model of MLServer that computes an ONNX graph: what the tests of the Open Inference Protocol ask."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor

TYPES = {"tensor(float)": "FP32"}


def described(ports):
    return [MetadataTensor(name=p.name, datatype=TYPES[p.type], shape=[d if isinstance(d, int) else -1 for d in p.shape]) for p in ports]


class OnnxModel(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        self.inputs = described(self._session.get_inputs())
        self.outputs = described(self._session.get_outputs())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {i.name: NumpyCodec.decode_input(i).astype(np.float32) for i in payload.inputs}
        names = [o.name for o in payload.outputs or self.outputs]
        values = self._session.run(names, feed)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, value) for name, value in zip(names, values, strict=True)],
        )
