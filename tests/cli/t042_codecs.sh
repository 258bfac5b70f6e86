#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures that are neither PNG nor JPEG: by name, in folders and archives, and without the library.
. "$(dirname "$0")/lib.sh"

formats=$here/../data/images/formats
cd "$tmp" || exit 1

small() {
    timmc classify test_vit --no-pretrained -k 1 "$@"
}

# built FORMAT: this timmc reads it; one that does not says so
timmc version --json
cp out version
for format in WebP GIF BMP TIFF AVIF 'JPEG XL' HEIF; do
    ok "version tells of $format" grep -q "\"$format\":\"" version
done
built() {
    grep -q "\"$1\":\"no, built" version && echo "# built without $1" && return 1
    return 0
}

# the same picture, whatever the format: the answers are the same but for the name
small "$formats/rgb24.bmp"
sed 's/"file":"[^"]*"//' out >want
for file in WebP:lossless.webp BMP:top_down.bmp TIFF:rgb_lzw.tif 'JPEG XL:rgb.jxl'; do
    built "${file%%:*}" || continue
    small "$formats/${file##*:}"
    sed 's/"file":"[^"]*"//' out >found
    ok "$file: exit 0" exit_is 0
    ok "$file: the same answer" cmp want found
done
for file in GIF:two_frames.gif AVIF:rgb_420.avif HEIF:rgb.heic; do
    built "${file%%:*}" || continue
    small "$formats/${file##*:}"
    ok "$file: one answer" out_lines 1
    ok "$file: exit 0" exit_is 0
done
run sh -c "'$TIMMC' classify test_vit --no-pretrained -k 1 - <'$formats/palette.gif'"
ok "on stdin" exit_is 0

# folders and archives take what is read
mkdir -p pictures
cp "$formats/rgb24.bmp" "$formats/palette.gif" pictures
cp "$formats/gray8.bmp" pictures/c.BMP
echo x >pictures/notes.txt
small pictures
ok "a folder: exit 0" exit_is 0
ok "a folder: each picture" out_lines 3
ok "what is none is counted" err_has 'folder pictures: 1 file is no picture by name (.txt 1)'
tar cf pictures.tar pictures
small pictures.tar
out_has "built without libarchive" || ok "a tar: each picture" out_lines 3

# what is faulty is a record of its own
head -c 300 "$formats/rgb24.bmp" >cut.bmp
head -c 200 "$formats/palette.gif" >cut.gif
small cut.bmp cut.gif "$formats/rgb24.bmp"
ok "cut pictures: exit 1" exit_is 1
ok "cut pictures: records" out_lines 3
ok "a cut BMP" out_has 'cut.bmp: BMP ends early at byte 300, expected more rows'
ok "a cut GIF" out_has 'cut.gif: GIF ends early at byte 200'
small --max-memory 64 "$formats/rgb24.bmp"
ok "within a memory" exit_is 0

# a grid that is larger than the file says: libheif would write beside a plane of 2 GB
if built HEIF; then
    for name in find_grid_of_2_gb find_grid_of_2_gb_small; do
        small "$here/../fuzz/corpus/heif/$name"
        ok "$name: exit 4" exit_is 4
        ok "$name: too large" out_has '"code":"too_large"'
    done
fi

# turned as EXIF asks, where that is wanted
if built WebP; then
    timmc preprocess --exif-orient "$formats/orientation_6.webp" -o turned.npy --no-pretrained \
        -m test_vit
    timmc preprocess "$formats/orientation_6.webp" -o plain.npy --no-pretrained -m test_vit
    ok "an orientation changes the picture" sh -c '! cmp -s turned.npy plain.npy'
    small "$formats/orientation_6.webp"
    ok "one that is not done is told" err_has 'EXIF'
fi

# a library that is not there: one that is empty stands in its place
mkdir none
for row in WebP:lossless.webp:libwebpdemux2 TIFF:rgb_lzw.tif:libtiff AVIF:rgb_420.avif:libavif \
    'JPEG XL:rgb.jxl:libjxl' HEIF:rgb.heic:libheif; do
    format=${row%%:*}
    file=${row#*:}
    built "$format" || continue
    library=$(sed "s/.*\"$format\":\"\([^,\"]*\).*/\1/" version)
    : >"none/$library"
    LD_LIBRARY_PATH=$PWD/none
    export LD_LIBRARY_PATH
    small "$formats/${file%%:*}" "$formats/rgb24.bmp"
    unset LD_LIBRARY_PATH
    ok "$format without its library: exit 1" exit_is 1
    ok "$format without its library: which" out_has "$format needs $library, which is not on this"
    ok "$format without its library: the package" out_has "(Debian: ${file##*:}"
    ok "$format without its library: the others are answered" out_lines 2
done

# no library is loaded but for a picture of its format
run env LD_DEBUG=files "$TIMMC" classify test_vit --no-pretrained -k 1 "$formats/rgb24.bmp"
ok "libraries that are not needed" sh -c '! grep -q "lib\(tiff\|webp\|avif\|jxl\|heif\)" err'
ok "the linker tells of libraries" err_has 'libpng'
done_testing
