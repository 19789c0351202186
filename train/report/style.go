package report

// pageCSS is the page's style. Widths are bounded in characters, so that lines
// stay readable; tables scroll in their own boxes, so that the page never
// does.
const pageCSS = `:root{color-scheme:light dark;--paper:#fff;--text:#1c2128;--soft:#5b6470;--rule:#dfe3e8;--wash:#f5f7f9;--link:#0b5cad;--good:#177245;--bad:#b3261e;--note:#8a5a00}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--text:#e8ebef;--soft:#a3adb8;--rule:#353c45;--wash:#1c2127;--link:#7dbbff;--good:#66cf98;--bad:#ff8a80;--note:#f0c060}}
@media print{:root{--paper:#fff;--text:#000;--soft:#444;--rule:#bbb;--wash:#fff;--link:#000;--good:#000;--bad:#000;--note:#000}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem;max-width:78rem;background:var(--paper);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0}
h2{font-size:1.3rem;line-height:1.3;margin:2.6rem 0 .7rem;padding-top:.7rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p,ul,dl{max-width:46rem;margin:.6rem 0}
.version{color:var(--soft);margin:0}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}
pre{background:var(--wash);border:1px solid var(--rule);border-radius:6px;padding:.7rem .9rem;overflow-x:auto}
a{color:var(--link)}
a.def{color:inherit;text-decoration-line:underline;text-decoration-style:dotted;text-decoration-color:var(--soft);text-underline-offset:.2em;text-decoration-thickness:1px}
a:hover{text-decoration-style:solid}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:.6rem 0;margin:.6rem 0 0;max-width:none;font-size:.92rem}
.callout{max-width:60rem;border-left:5px solid var(--soft);background:var(--wash);padding:.8rem 1rem;margin:.9rem 0;border-radius:0 6px 6px 0}
.callout.good{border-color:var(--good)}.callout.bad{border-color:var(--bad)}.callout.note{border-color:var(--note)}
section:first-of-type .callout:first-of-type{font-size:1.2rem;line-height:1.45}
.cards{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.7rem;padding:0;max-width:none;margin:1.1rem 0}
.cards li{border:1px solid var(--rule);border-radius:8px;padding:.6rem .8rem .7rem;background:var(--wash)}
.cards .label,.cards .note{display:block;color:var(--soft);font-size:.84rem;line-height:1.35}
.cards .value{display:block;font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.4}
.scroll{overflow-x:auto;margin:1rem 0;max-width:100%}
table{border-collapse:collapse;overflow-wrap:normal;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.86rem;padding:0 0 .35rem}
th,td{padding:.28rem .45rem .28rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}
th+th,td,th+td{padding-left:.35rem}
thead th{vertical-align:bottom;font-weight:600;border-bottom:2px solid var(--rule);line-height:1.3}
thead th.num{white-space:normal;max-width:8rem}
tbody th{font-weight:500}
td,tbody th{white-space:nowrap}
.num{text-align:right;white-space:nowrap}
tbody th.long{white-space:normal;min-width:8.5rem}
td.prose{white-space:normal;min-width:17rem;max-width:44rem}
td a.def,tbody th a.def{text-decoration-line:none}td a.def:hover,td a.def:focus-visible,tbody th a.def:hover{text-decoration-line:underline}
.beside{display:flex;flex-wrap:wrap;gap:0 3rem}
.beside>*{margin:.6rem 0}
tr.mark>*{background:var(--wash);font-weight:650}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1.2rem 1.8rem;margin:1.1rem 0;align-items:start}
figure{margin:0;max-width:27rem;min-width:0}
.figures.pair{grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr))}.figures.pair figure{max-width:31rem}
.wide figure{max-width:46rem}
figcaption{color:var(--soft);font-size:.86rem;line-height:1.4;margin-top:.3rem}
details{margin:.6rem 0;border-radius:6px}
summary{cursor:pointer}
details.data{font-size:.86rem;color:var(--soft)}
.defs{max-width:52rem;display:grid;grid-template-columns:minmax(9rem,13rem) 1fr;gap:.45rem 1.2rem;font-size:.94rem}
.defs dt{font-weight:600}.defs dd{margin:0}
.defs dt:target,.defs dt:target+dd{background:var(--wash);outline:2px solid var(--link);outline-offset:3px}
@media (max-width:40rem){body{padding-top:.8rem}h1{font-size:1.35rem}h2{font-size:1.15rem}.defs{grid-template-columns:1fr;gap:.1rem}.defs dd{margin:0 0 .7rem}section:first-of-type .callout:first-of-type{font-size:1.06rem}.cards{grid-template-columns:repeat(auto-fill,minmax(8.6rem,1fr))}.cards .value{font-size:1.25rem}}
@page{margin:12mm}
@media print{body{max-width:none;font-size:10.5pt;padding:0}nav,.skip,details.data{display:none}h2,h3,caption{break-after:avoid}figure,tr,.callout,.cards li{break-inside:avoid}a{text-decoration:none}.scroll{overflow:visible}table{font-size:7.5pt;max-width:100%;line-height:1.35}table.many{font-size:6.3pt}th,td{padding:.16rem .2rem .16rem 0}td,tbody th,.num,td.prose,tbody th.long{white-space:normal;min-width:0}}
`
