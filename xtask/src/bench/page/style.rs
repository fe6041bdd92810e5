//! The page's style sheet.

/// Two sets of colours, one layout: a column of cards, and below 700 pixels rows in two lines.
pub(super) const SHEET: &str = r#"
:root{--paper:#fbfaf8;--card:#fff;--ink:#1d2126;--soft:#5c6570;--line:#e3e1dc;--track:#f0eeea;--ours:#0b6e5b;--peer:#a9b1ba;--best:#5f6b78;--accent:#0b6e5b;--warn:#8a4b00}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1b1f24;--ink:#e8eaed;--soft:#a3adb8;--line:#2c323a;--track:#242a31;--ours:#3fc7a6;--peer:#59636f;--best:#98a4b1;--accent:#54d3b3;--warn:#f0b35f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:2.1rem;line-height:1.15;margin:.1em 0 .3em;letter-spacing:-.02em}
h2{font-size:1.25rem;margin:2.6em 0 .8em;padding-bottom:.35em;border-bottom:1px solid var(--line);letter-spacing:-.01em}
h3{font-size:1.08rem;margin:0;font-family:ui-monospace,"SFMono-Regular",Menlo,Consolas,monospace;font-weight:650}
p{margin:.4em 0}
.over{color:var(--soft);font-size:.9rem}
.machine{color:var(--soft)}
.warning{color:var(--warn);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:14px;list-style:none;margin:1.4em 0;padding:0}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px;color:var(--soft);font-size:.92rem}
.tiles b{display:block;font-size:1.7rem;line-height:1.25;color:var(--accent);letter-spacing:-.02em}
.versions{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:1em 0;padding:0;font-size:.88rem;color:var(--soft)}
.versions b{color:var(--ink);font-weight:600}
nav{display:flex;flex-wrap:wrap;gap:6px;margin:1em 0}
nav a{font-size:.84rem;padding:3px 10px;border:1px solid var(--line);border-radius:99px;color:var(--ink);text-decoration:none;background:var(--card)}
nav a:hover,nav a:focus-visible{border-color:var(--accent);color:var(--accent)}
.legend{color:var(--soft);font-size:.92rem;max-width:74ch}
.star{color:var(--accent)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 22px 20px;margin:0 0 16px;scroll-margin-top:16px}
.about{color:var(--soft);margin:.15em 0 .4em}
figure{margin:14px 0 0}
figcaption{font-size:.9rem;margin-bottom:5px}
figcaption span{color:var(--soft)}
.row{display:grid;grid-template-columns:118px 1fr 58px 96px 168px;gap:12px;align-items:center;min-height:24px;font-size:.9rem}
.name{white-space:nowrap}
.track{position:relative;height:16px;background:linear-gradient(var(--ink),var(--ink)) var(--one) 0/1px 100% no-repeat,var(--track);border-radius:3px}
.bar,.span{position:absolute;display:block}
.bar{top:0;bottom:0;background:var(--peer);border-radius:2px}
.best .bar{background:var(--best)}
.ours .bar{background:var(--ours)}
.span{top:7px;height:2px;background:var(--ink);opacity:.55}
.ratio,.value{text-align:right;white-space:nowrap}
.ratio{color:var(--soft)}
.ours .name,.ours .ratio,.ours .value{font-weight:650}
.ours .ratio{color:var(--accent)}
.beside{color:var(--soft);font-size:.82rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.strips .row{grid-template-columns:118px 1fr 250px}
.strip{position:relative;height:34px}
.strip svg{width:100%;height:100%;display:block;background:var(--track);border-radius:3px}
.strip path{fill:var(--best)}
.ours .strip path{fill:var(--ours)}
.tick{position:absolute;top:0;bottom:0;width:1px;background:var(--ink);opacity:.6}
.axis{position:relative;height:18px}
.axis i{position:absolute;font-style:normal;font-size:.76rem;color:var(--soft);border-left:1px solid var(--line);padding-left:4px}
.quantiles{font-size:.84rem;color:var(--soft);white-space:nowrap}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.86rem}
th,td{padding:4px 12px;text-align:left;white-space:nowrap}
th{position:sticky;top:0;background:var(--card);border-bottom:1px solid var(--line);font-weight:600}
.n{text-align:right}
tr.first td{border-top:1px solid var(--line)}
tr:not(.first) td:nth-child(-n+2){color:var(--soft)}
.missing{color:var(--soft);padding-left:1.2em;overflow-wrap:anywhere}
footer p{color:var(--soft);max-width:74ch}
@media (max-width:700px){
main{padding:24px 14px 48px}
h1{font-size:1.6rem}
.tiles{grid-template-columns:1fr;gap:8px}
.tiles li{padding:10px 14px}
.tiles b{display:inline;font-size:1.15rem;margin-right:.3em}
section{padding:14px 14px 16px}
.row{grid-template-columns:1fr auto auto;gap:2px 12px;padding:3px 0}
.track{grid-column:1/-1;grid-row:2}
.beside{grid-column:1/-1;white-space:normal}
.strips .row{grid-template-columns:1fr}
.quantiles{white-space:normal}
}
@media print{section{break-inside:avoid}nav{display:none}}
"#;
