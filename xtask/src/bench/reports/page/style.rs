//! The page's style sheet.

/// Two sets of colours, one layout: a column of cards, and below 700 pixels rows in two lines.
pub(super) const SHEET: &str = r#"
:root{--paper:#fbfaf8;--card:#fff;--ink:#1d2126;--soft:#5c6570;--line:#e3e1dc;--track:#f0eeea;--ours:#0b6e5b;--peer:#7f8893;--best:#4d5864;--accent:#0b6e5b;--warn:#8a4b00}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1b1f24;--ink:#e8eaed;--soft:#a3adb8;--line:#2c323a;--track:#242a31;--ours:#3fc7a6;--peer:#6c7784;--best:#aab5c1;--accent:#54d3b3;--warn:#f0b35f}}
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
nav{margin:1.4em 0;display:grid;gap:12px}
nav p{margin:0 0 5px;font-size:.92rem}
nav p a{color:var(--ink);font-weight:600;margin-right:.6em}
nav p span{color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:6px;list-style:none;margin:0;padding:0}
nav li a{display:block;font-size:.84rem;padding:3px 10px;border:1px solid var(--line);border-radius:99px;color:var(--ink);text-decoration:none;background:var(--card)}
nav a:hover,nav a:focus-visible{border-color:var(--accent);color:var(--accent)}
a:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.legend{color:var(--soft);font-size:.92rem;max-width:74ch}
.star{color:var(--accent)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 22px 20px;margin:0 0 16px;scroll-margin-top:16px}
.about{color:var(--soft);margin:.15em 0 .4em}
figure{margin:14px 0 0}
figcaption{font-size:.9rem;margin-bottom:5px}
figcaption span{color:var(--soft)}
.row{display:grid;grid-template-columns:118px 1fr 58px 96px 168px;gap:12px;align-items:center;min-height:24px;font-size:.9rem}
.name{white-space:nowrap}
svg{display:block;width:100%;overflow:visible}
.track{height:16px;background:var(--track);border-radius:3px}
.bar{fill:var(--peer)}
.best .bar{fill:var(--best)}
.ours .bar{fill:var(--ours)}
.under{fill:var(--card);opacity:.75}
.whisker{fill:var(--ink)}
.one{stroke:var(--ink);stroke-width:1.5}
.axis{height:16px}
.tick{fill:var(--soft);font-size:.74rem;text-anchor:middle}
.row.scale{min-height:16px}
.ratio,.value{text-align:right;white-space:nowrap}
.ratio{color:var(--soft)}
.ours .name,.ours .ratio,.ours .value{font-weight:650}
.ours .ratio{color:var(--accent)}
.beside{color:var(--soft);font-size:.82rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.strips .row{grid-template-columns:118px 1fr 250px}
.strip{height:34px;background:var(--track);border-radius:3px;margin:2px 0}
.strip svg{height:100%}
.strip path{fill:var(--best)}
.ours .strip path{fill:var(--ours)}
.casing{stroke:var(--card);stroke-width:4}
.mark{stroke:var(--ink);stroke-width:1.5}
.quantiles{font-size:.84rem;color:var(--soft);display:grid;grid-template-columns:repeat(3,1fr);gap:0 8px;white-space:nowrap}
.quantiles b{color:var(--ink);font-weight:500}
.scroll{overflow:auto;max-height:85vh;border:1px solid var(--line);border-radius:10px;background:var(--card)}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.86rem}
caption{text-align:left;padding:8px 12px;color:var(--soft)}
th,td{padding:3px 12px;text-align:left;white-space:nowrap;vertical-align:top;font-weight:400}
thead th{position:sticky;top:0;background:var(--card);border-bottom:1px solid var(--line);font-weight:600;padding:6px 12px}
tbody th{font-weight:600}
tbody tr:first-child>*{border-top:1px solid var(--line)}
th.n,.n{text-align:right}
.missing{color:var(--soft);font-size:.88rem;padding-left:1.2em;margin:.9em 0 0;overflow-wrap:anywhere}
footer p{color:var(--soft);max-width:74ch}
@media (max-width:700px){
main{padding:24px 14px 48px}
h1{font-size:1.6rem}
.tiles{grid-template-columns:1fr;gap:8px}
.tiles li{padding:10px 14px}
.tiles b{display:inline;font-size:1.15rem;margin-right:.3em}
section{padding:14px 14px 16px}
.row{grid-template-columns:1fr auto auto;gap:2px 12px;padding:3px 0}
.row.scale{padding:0}
.row.scale .name{display:none}
.track,.axis{grid-column:1/-1;grid-row:2}
.beside{grid-column:1/-1;white-space:normal}
.strips .row{grid-template-columns:1fr}
.strip{grid-row:auto}
}
@media print{body{font-size:12px;background:#fff}main{max-width:none;padding:0}section,figure{break-inside:avoid}nav{display:none}.scroll{max-height:none;overflow:visible;border:0}svg,svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"#;
