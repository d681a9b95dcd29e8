#!/bin/bash
# usage: mkmedia.sh [--stamp FILE] DIR [demo|test|bench]...
# Makes the simulated cameras' clips with ffmpeg (libx264, libx265). What is there stays.
# shellcheck disable=SC2046,SC2086  # lists of arguments are meant to fall apart into words
set -eu
stamp=
[ "${1-}" = --stamp ] && stamp=$(realpath -m "$2") && shift 2
dir=${1:?usage: mkmedia.sh DIR [demo|test|bench]...}
shift
mkdir -p "$dir"
cd "$dir"

font=
for candidate in /usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf \
    /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf; do
    [ -f "$candidate" ] && font=$candidate && break
done

make_clip() { # NAME ARGS...: ffmpeg into NAME, by way of a temporary file
    local name=$1
    shift
    [ -f "$name" ] && return
    ffmpeg -nostdin -v error -y "$@" "tmp-$$-$name"
    mv "tmp-$$-$name" "$name"
}

h264() { # KBIT GOP BFRAMES [PRESET]
    echo "-c:v libx264 -preset ${4:-veryfast} -profile:v high -pix_fmt yuv420p -b:v ${1}k
          -maxrate $(($1 * 3 / 2))k -bufsize $(($1 * 2))k -x264-params
          keyint=$2:min-keyint=$2:scenecut=0:bframes=$3:slices=1:sliced-threads=0"
}

# A street at dusk: sky, sun, hills, houses with lit windows, a road, cars both ways, somebody
# walking. Every piece is a small picture made once and moved by overlay, which costs little.
demo() {
    local t=30 clock=null
    [ -n "$font" ] && clock="drawtext=fontfile=$font:fontsize=26:fontcolor=white@0.9:box=1:boxcolor=black@0.45:boxborderw=8:x=24:y=24:text='HERON DEMO  %{pts\\:hms}'"
    [ -f demo.mp4 ] && [ -f demo-sub.mp4 ] && return
    local hills="150*sin(X/190)*0.22+40*sin(X/71+1)*0.5"
    # shellcheck disable=SC2016
    ffmpeg -nostdin -v error -y -f lavfi -i "color=s=1280x720:d=0.04:r=25" -frames:v 1 -vf "
        format=gbrp,geq=
        r='if(lt(Y,400+$hills),40+170*pow(Y/430,1.6)+80*exp(-((X-930)*(X-930)+(Y-330)*(Y-330))/9000),if(lt(Y,500),28+6*sin(X/9),if(between(Y,596,602)*lt(mod(X,120),70),205,62+5*random(1))))':
        g='if(lt(Y,400+$hills),52+88*pow(Y/430,1.3)+60*exp(-((X-930)*(X-930)+(Y-330)*(Y-330))/9000),if(lt(Y,500),44+8*sin(X/9),if(between(Y,596,602)*lt(mod(X,120),70),196,64+5*random(1))))':
        b='if(lt(Y,400+$hills),112-14*Y/430+10*exp(-((X-930)*(X-930)+(Y-330)*(Y-330))/9000),if(lt(Y,500),40,if(between(Y,596,602)*lt(mod(X,120),70),150,70+5*random(1))))',
        format=rgb24,
        drawbox=90:300:170:200:0x3b3347:fill,drawbox=90:285:170:18:0x57404a:fill,
        drawbox=300:340:120:160:0x2f3a4a:fill,drawbox=300:328:120:14:0x48424f:fill,
        drawbox=470:270:200:230:0x46383c:fill,drawbox=470:255:200:18:0x6a4a44:fill,
        drawbox=1060:310:170:190:0x33404d:fill,drawbox=1060:296:170:16:0x50505a:fill,
        drawbox=115:325:28:36:0xffd98a:fill,drawbox=165:325:28:36:0x5a5f70:fill,
        drawbox=215:325:28:36:0xffcf78:fill,drawbox=115:395:28:36:0x5a5f70:fill,
        drawbox=165:395:28:36:0xffd98a:fill,drawbox=325:365:24:30:0xffd98a:fill,
        drawbox=372:365:24:30:0x59606f:fill,drawbox=500:300:34:40:0xffdf9c:fill,
        drawbox=556:300:34:40:0x5d6172:fill,drawbox=612:300:34:40:0xffd27e:fill,
        drawbox=500:375:34:40:0x5d6172:fill,drawbox=612:375:34:40:0xffdf9c:fill,
        drawbox=556:420:40:80:0x2a2226:fill,drawbox=1090:340:30:34:0xffd98a:fill,
        drawbox=1140:340:30:34:0xffcf78:fill,drawbox=1190:340:30:34:0x59606f:fill,
        drawbox=0:500:1280:26:0x6d6a66:fill,drawbox=0:526:1280:4:0x3a3a3c:fill,
        drawbox=760:250:8:276:0x1e2024:fill,drawbox=730:246:70:7:0x1e2024:fill,
        drawbox=732:253:26:7:0xfff1c0:fill" "tmp-$$-street.png"
    make_car() { # NAME BODY ROOF LIGHT-LEFT LIGHT-RIGHT
        ffmpeg -nostdin -v error -y -f lavfi -i "color=black@0:s=170x64:d=0.04:r=25,format=yuva444p" \
            -frames:v 1 -vf "drawbox=38:2:88:26:$3:fill:replace=1,drawbox=46:6:32:18:0x9fb4c4:fill:replace=1,
            drawbox=84:6:34:18:0x9fb4c4:fill:replace=1,drawbox=4:24:162:26:$2:fill:replace=1,
            drawbox=4:28:8:10:$4:fill:replace=1,drawbox=158:28:8:10:$5:fill:replace=1,
            drawbox=26:42:30:20:0x101114:fill:replace=1,drawbox=114:42:30:20:0x101114:fill:replace=1,
            drawbox=34:47:14:10:0x8a8f96:fill:replace=1,drawbox=122:47:14:10:0x8a8f96:fill:replace=1,format=rgba" \
            "tmp-$$-$1.png"
    }
    make_car red 0xb23a35 0x8d2c2a 0xff5040 0xfff3c4
    make_car blue 0x2f5f9e 0x254b7c 0xfff3c4 0xff5040
    make_car white 0xd9dcde 0xb9bec3 0xff5040 0xfff3c4
    ffmpeg -nostdin -v error -y -f lavfi -i "color=black@0:s=30x84:d=0.04:r=25,format=yuva444p" -frames:v 1 \
        -vf "drawbox=9:0:12:14:0xd8a888:fill:replace=1,drawbox=4:15:22:36:0x3d6b57:fill:replace=1,
        drawbox=6:51:8:33:0x24262c:fill:replace=1,drawbox=16:51:8:33:0x24262c:fill:replace=1,format=rgba" "tmp-$$-man.png"
    make_clip demo.mp4 -loop 1 -framerate 15 -t $t -i "tmp-$$-street.png" -i "tmp-$$-red.png" \
        -i "tmp-$$-blue.png" -i "tmp-$$-white.png" -i "tmp-$$-man.png" \
        -f lavfi -t $t -i "anoisesrc=c=brown:a=0.12:r=16000,lowpass=f=700" -filter_complex "
        [0]format=yuv420p[s];
        [s][4]overlay=x='mod(t*54,1340)-50':y='438+abs(mod(n,8)-4)':eval=frame[a];
        [a][2]overlay=x='1300-mod(t*230,1700)':y=540:eval=frame[b];
        [b][1]overlay=x='mod(t*190+400,2100)-200':y=630:eval=frame[c];
        [c][3]overlay=x='mod(t*150,2250)-700':y=636:eval=frame[d];
        [d]noise=c0s=4:c0f=t,$clock,format=yuv420p[v]" \
        -map '[v]' -map 5:a $(h264 1500 30 0) -c:a aac -b:a 32k -ac 1 -shortest
    make_clip demo-sub.mp4 -i demo.mp4 -an -vf fps=10,scale=640:360 $(h264 350 20 0 superfast)
    rm -f "tmp-$$-"*.png
}

# Every codec, small and short. The picture moves, so that a lost frame shows.
test_clips() {
    local a="-f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=16000:duration=4"
    local g="-f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=8000:duration=4"
    local v="-f lavfi -i testsrc2=s=640x360:r=15:d=4"
    local aac="-c:a aac -b:a 32k -ac 1"
    make_clip h264-aac.mp4 $v $a $(h264 500 15 0) $aac
    make_clip h264.mp4 -i h264-aac.mp4 -map 0:v -c copy
    make_clip h264-b.mp4 $v $a $(h264 500 30 2) $aac
    make_clip h264-small.mp4 -f lavfi -i testsrc2=s=320x180:r=10:d=4 $(h264 150 10 0)
    make_clip h264-720.mp4 -f lavfi -i testsrc2=s=1280x720:r=15:d=4 $a $(h264 900 15 0 ultrafast) $aac
    make_clip h264-pcma.mov -i h264-aac.mp4 -c:v copy -c:a pcm_alaw -ar 8000 -ac 1
    make_clip h264-pcmu.mov -i h264-aac.mp4 $g -map 0:v -map 1:a -c:v copy -c:a pcm_mulaw -ar 8000 -ac 1
    make_clip h264-opus.mp4 -i h264-aac.mp4 -c:v copy -c:a libopus -b:a 24k -ar 48000 -ac 1
    make_clip h265-aac.mp4 $v $a -c:v libx265 -preset ultrafast -pix_fmt yuv420p -b:v 400k -tag:v hvc1 \
        -x265-params keyint=15:min-keyint=15:scenecut=0:bframes=0:log-level=error $aac
    make_clip mjpeg.mov -f lavfi -i testsrc2=s=640x360:r=10:d=4 -c:v mjpeg -huffman default \
        -q:v 8 -pix_fmt yuvj420p
    make_clip mjpeg-pcmu.mov -i mjpeg.mov $g -c:v copy -c:a pcm_mulaw -ar 8000 -ac 1 -shortest
    make_clip h264-heavy.mp4 -f lavfi -i testsrc2=s=1280x720:r=25:d=3 -vf noise=c0s=40:c0f=t \
        $(h264 20000 25 0 ultrafast)
    make_clip 8k.mp4 -f lavfi -i color=c=teal:s=7680x4320:r=5:d=2 $(h264 2000 5 0 ultrafast)
    make_clip audio-only.mp4 $a $aac
    make_clip h264-aac.flv -i h264-aac.mp4 -c copy
    make_clip mjpeg.mpjpeg -i mjpeg.mov -map 0:v -c copy -f mpjpeg
}

# What the issue's table is measured with: noise, as sensors make it, and a thing that passes.
bench() {
    local t=40 scene
    scene="[0]format=yuv420p,noise=c0s=5:c0f=t[b];[b][1]overlay=x='mod(t,20)*200-300':y=500:shortest=1"
    local a="-f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=16000:duration=$t"
    [ -f bench.mp4 ] && [ -f bench-sub.mp4 ] && return
    ffmpeg -nostdin -v error -y -f lavfi -i "mandelbrot=s=1920x1080:start_scale=0.02:rate=1" -frames:v 1 \
        -vf "eq=saturation=0.4:contrast=0.6" "tmp-$$-back.png"
    make_clip bench.mp4 -loop 1 -framerate 15 -t $t -i "tmp-$$-back.png" \
        -f lavfi -t $t -i color=c=0x804030:s=160x320:r=15 $a -filter_complex "${scene}[v]" \
        -map '[v]' -map 2:a $(h264 2000 30 0) -c:a aac -b:a 32k -ac 1
    make_clip bench-sub.mp4 -i bench.mp4 -an -vf fps=10,scale=640:360 $(h264 300 20 0)
    rm -f "tmp-$$-back.png"
}

for what in "${@:-demo}"; do
    case $what in
    demo) demo ;;
    test) test_clips ;;
    bench) bench ;;
    *) echo "mkmedia.sh: no clips called $what" >&2 && exit 2 ;;
    esac
done
[ -z "$stamp" ] || : >"$stamp"
