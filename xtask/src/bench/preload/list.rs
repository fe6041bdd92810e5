//! The programs, each with a few seconds of work in which it allocates.

use std::process::{Command, Stdio};

/// A program and what it is to do.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    /// What must be installed.
    needs: &'static str,
    /// For `sh -ec`, in an empty folder; `$REPOSITORY` is this project's.
    pub(super) script: &'static str,
}

impl Program {
    /// Whether it is installed.
    pub(super) fn is_there(&self) -> bool {
        let mut look = Command::new("sh");
        look.args(["-c", &format!("command -v {}", self.needs)]).stdout(Stdio::null());
        look.status().is_ok_and(|status| status.success())
    }
}

/// In the order of the table.
pub(super) const PROGRAMS: &[Program] = &[
    Program {
        name: "python",
        needs: "python3",
        script: r#"python3 -c '
import json
rows = [{"id": i, "name": "n%d" % i, "tags": [str(i % k) for k in range(1, 6)]} for i in range(60000)]
for _ in range(3):
    rows = json.loads(json.dumps(rows))
print(len({r["name"]: r for r in rows}))'"#,
    },
    Program {
        name: "python, malloc for all",
        needs: "python3",
        script: r#"PYTHONMALLOC=malloc python3 -c '
import json
rows = [{"id": i, "name": "n%d" % i, "tags": [str(i % k) for k in range(1, 6)]} for i in range(60000)]
for _ in range(3):
    rows = json.loads(json.dumps(rows))
print(len({r["name"]: r for r in rows}))'"#,
    },
    Program {
        name: "perl",
        needs: "perl",
        script: "perl -e 'for (1..1500000) { $h{$_ % 50021} .= $_ if $_ % 3 } print scalar(keys %h)'",
    },
    Program {
        name: "php",
        needs: "php",
        script: r#"USE_ZEND_ALLOC=0 php -d memory_limit=-1 -r '
for ($r = 0; $r < 4; $r++) { $a = []; for ($i = 0; $i < 200000; $i++) $a["k$i"] = str_repeat("x", $i % 50); ksort($a); }
echo count($a);'"#,
    },
    Program {
        name: "ruby",
        needs: "ruby",
        script: r#"ruby -e 'h = {}; 800_000.times { |i| h["k#{i % 90_001}"] = [i.to_s * (i % 7)] * 5 }; puts h.size'"#,
    },
    Program {
        name: "lua",
        needs: "lua5.4",
        script: "lua5.4 -e 'for r = 1, 3 do t = {} for i = 1, 500000 do t[i] = {i, tostring(i)} end end print(#t)'",
    },
    Program {
        name: "node",
        needs: "node",
        script: r#"node -e 'let a = []; for (let i = 0; i < 1e6; i++) a.push({x: i, s: "k" + i});
for (let r = 0; r < 3; r++) a = JSON.parse(JSON.stringify(a)); console.log(a.length)'"#,
    },
    Program {
        name: "sqlite",
        needs: "sqlite3",
        script: r#"sqlite3 :memory: "create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)
insert into t select i, hex(i * 7919 % 65537), i / 3.0 from n;
create index b on t(b); select count(*), sum(length(b)) from (select b from t order by c desc, b);
select b, count(*) from t group by b order by 2 desc limit 1; update t set b = b || a where a % 3 = 0; delete from t where a % 5 = 0;""#,
    },
    Program {
        name: "g++ -O2",
        needs: "g++",
        script: r#"cat > a.cpp <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <unordered_map>
int main() {
    std::map<std::string, std::vector<int>> m; std::unordered_map<int, std::string> u;
    std::regex r("([a-z]+)=([0-9]+)"); std::smatch s; std::string line;
    while (std::getline(std::cin, line)) if (std::regex_search(line, s, r)) { m[s[1]].push_back(std::stoi(s[2])); u[m.size()] = line; }
    for (auto &[k, v] : m) { std::sort(v.begin(), v.end()); std::cout << k << v.size() << u[v.size()]; }
}
END
g++ -O2 -c a.cpp"#,
    },
    Program {
        name: "git repack",
        needs: "git",
        script: r#"git clone -q --bare --no-hardlinks "$REPOSITORY" c; git -C c -c pack.threads=2 repack -qadf --depth=20 --window=8"#,
    },
    Program {
        name: "redis",
        needs: "redis-server",
        script: "redis-server --port 0 --unixsocket $PWD/s --save '' > /dev/null & sleep 0.3
redis-benchmark -s $PWD/s -n 150000 -q -P 16 -r 50000 -d 200 -t set,get,lpush,lpop,sadd,hset,zadd > /dev/null
redis-cli -s $PWD/s shutdown nosave; wait",
    },
    Program {
        name: "java",
        needs: "java",
        script: r#"cat > J.java <<'END'
public class J {
    public static void main(String[] a) throws Exception {
        java.util.Random r = new java.util.Random(1); long c = 0;
        for (int i = 0; i < 4000; i++) {
            java.nio.ByteBuffer b = java.nio.ByteBuffer.allocateDirect(1 + r.nextInt(60000));
            java.util.zip.Deflater d = new java.util.zip.Deflater(1); byte[] in = new byte[5000], out = new byte[6000];
            d.setInput(in); d.finish(); c += d.deflate(out) + b.capacity(); d.end();
        }
        System.out.println(c);
    }
}
END
java J.java"#,
    },
    Program {
        name: "ffmpeg, x264",
        needs: "ffmpeg",
        script: "ffmpeg -v error -f lavfi -i testsrc=size=640x360:rate=25 -t 4 -threads 2 -c:v libx264 -f mp4 o.mp4",
    },
    Program {
        name: "imagemagick",
        needs: "identify",
        script: "convert -limit thread 2 -size 900x900 plasma:red-blue -blur 0x2 -resize 50% o.png",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single() {
        for (i, program) in PROGRAMS.iter().enumerate() {
            assert!(
                PROGRAMS[..i].iter().all(|other| other.name != program.name),
                "{}",
                program.name
            );
            assert!(!program.name.is_empty() && !program.script.is_empty());
        }
        let none = Program { name: "none", needs: "no-such-program-anywhere", script: "" };
        let shell = Program { name: "sh", needs: "sh", script: "true" };
        assert!(!none.is_there() && shell.is_there());
    }
}
