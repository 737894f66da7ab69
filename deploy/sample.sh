#!/bin/sh
# Makes the sample video of `make demo` once: deploy/sample.sh FILE [SECONDS]
#
# 1280x720 at 25 frames a second, H.264 and AAC: a test picture with a running timestamp, an inset that gets ever more
# detailed (so that chunks differ in cost), and a tone that changes (so that a cut would be heard). The same FFmpeg
# makes the same bytes.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=${VENV:-$root/.venv}
out=${1:?usage: deploy/sample.sh FILE [SECONDS]}
seconds=${2:-24}

[ -s "$out" ] && exit 0

ffmpeg=$(command -v ffmpeg || "$venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')

mkdir -p "$(dirname -- "$out")"
part=$out.part.$$
trap 'rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM

# The inset is computed small and enlarged: at full size the fractal costs more than everything else together.
# Fixed thread count and bitexact: otherwise the bytes depend on the machine.
"$ffmpeg" -hide_banner -loglevel error -nostdin -y \
    -f lavfi -i "testsrc2=size=1280x720:rate=25" \
    -f lavfi -i "mandelbrot=size=240x136:rate=25:end_scale=0.003:end_pts=600" \
    -f lavfi -i "aevalsrc='0.2*sin(2*PI*t*(220+110*floor(mod(t,4))))':sample_rate=48000:channel_layout=stereo" \
    -filter_complex "[1:v]scale=480:272[inset];[0:v][inset]overlay=x=W-w-40:y=H-h-40,format=yuv420p[v]" \
    -map "[v]" -map 2:a -t "$seconds" \
    -c:v libx264 -preset veryfast -crf 23 -g 50 -threads 2 \
    -c:a aac -b:a 128k \
    -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 -movflags +faststart \
    -f mp4 "$part"
mv "$part" "$out"
