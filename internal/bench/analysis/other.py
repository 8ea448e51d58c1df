"""Python's side of the comparison: other.py LIGHT.onnx SIDE HEAVY.onnx SIDE FOLDER.

Reads lines "JOB CORES" and answers each with "IMAGES SECONDS", after doing the job
once over every rendition of the folder on so many threads.
"""

import glob
import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnxruntime
from PIL import Image

light, light_side, heavy, heavy_side, folder = sys.argv[1:]
sides = {"light": int(light_side), "heavy": int(heavy_side)}
files = []
for name in sorted(glob.glob(folder + "/*.jpg")):
    with open(name, "rb") as f:
        files.append(f.read())


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


sessions = {"light": session(light), "heavy": session(heavy)}


def tensor(data, side):
    pixels = numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((side, side)), dtype=numpy.float32)
    return ((pixels - 127) / 128).transpose(2, 0, 1)[None].copy()


tensors = {job: [tensor(data, side) for data in files] for job, side in sides.items()}


def decode(data):
    Image.open(io.BytesIO(data)).convert("RGB").load()


def decode_scaled(data):
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (sides["light"], sides["light"]))
    image.convert("RGB").load()


def work(job):
    if job == "decode":
        return decode, files
    if job == "decode_scaled":
        return decode_scaled, files
    return (lambda t: sessions[job].run(None, {"image": t})), tensors[job]


print("ready", flush=True)
for line in sys.stdin:
    job, cores = line.split()
    do, inputs = work(job)
    with ThreadPoolExecutor(int(cores)) as pool:
        list(pool.map(do, inputs[:4]))
        began = time.perf_counter()
        if cores == "1":
            for i in inputs:
                do(i)
        else:
            list(pool.map(do, inputs, chunksize=8))
        print(len(inputs), time.perf_counter() - began, flush=True)
