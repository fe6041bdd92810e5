#!/bin/sh
# Builds peer-bdwgc into the folder given. The library is the machine's, or the
# distribution's packages unpacked beside the program; nothing is installed.
set -eu
out=${1:?usage: build.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)

if printf '#include <gc/gc.h>\nint main(void){GC_INIT();return 0;}\n' |
	cc -x c - -o "$out/probe" -lgc 2>/dev/null; then
	headers= library=-lgc
else
	if [ ! -d "$out/package" ]; then
		command -v apt-get >/dev/null || { echo "no libgc here, and no apt-get to fetch it" >&2; exit 1; }
		(cd "$out" && apt-get -qq download libgc1 libgc-dev >/dev/null 2>&1) ||
			{ echo "no libgc here, and the packages libgc1 and libgc-dev cannot be fetched" >&2; exit 1; }
		for package in "$out"/*.deb; do dpkg -x "$package" "$out/package"; done
	fi
	headers=-I$out/package/usr/include
	library=$(find "$out/package" -name libgc.a | head -n 1)
	[ -n "$library" ] || { echo "the package libgc-dev holds no libgc.a" >&2; exit 1; }
fi
rm -f "$out/probe"
cc -O3 -std=gnu11 -Wall -Wextra $headers -o "$out/peer-bdwgc" "$here"/*.c $library -lpthread -ldl
