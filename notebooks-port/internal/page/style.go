package page

// pageCSS is the page's style: lines bounded in letters, tables and wide
// pictures in boxes of their own that scroll, so that the page never does.
const pageCSS = `:root{color-scheme:light dark;--paper:#fff;--text:#1c2128;--soft:#5b6470;--rule:#dfe3e8;--wash:#f5f7f9;--link:#0b5cad;--good:#177245;--bad:#b3261e;--note:#8a5a00}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--text:#e8ebef;--soft:#a3adb8;--rule:#353c45;--wash:#1c2127;--link:#7dbbff;--good:#66cf98;--bad:#ff8a80;--note:#f0c060}}
@media print{:root{--paper:#fff;--text:#000;--soft:#444;--rule:#bbb;--wash:#fff;--link:#000;--good:#000;--bad:#000;--note:#000}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem;max-width:78rem;background:var(--paper);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0}
h2{font-size:1.3rem;line-height:1.3;margin:2.6rem 0 .7rem;padding-top:.7rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.8rem 0 .4rem}
p,ul{max-width:46rem;margin:.6rem 0}
ul{padding-left:1.3rem}li{margin:.15rem 0}
.subtitle{color:var(--soft);margin:0;max-width:60rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}
pre{background:var(--wash);border:1px solid var(--rule);border-radius:6px;padding:.7rem .9rem;overflow-x:auto;margin:.2rem 0 .8rem;line-height:1.45}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:.6rem 0;margin:.6rem 0 0;max-width:none;font-size:.92rem}
nav li{margin:0}
.callout{max-width:60rem;border-left:5px solid var(--soft);background:var(--wash);padding:.7rem 1rem;margin:.8rem 0;border-radius:0 6px 6px 0}
.callout.good{border-color:var(--good)}.callout.bad{border-color:var(--bad)}.callout.note{border-color:var(--note)}
.cards{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.7rem;padding:0;max-width:none;margin:1.1rem 0}
.cards li{border:1px solid var(--rule);border-radius:8px;padding:.6rem .8rem .7rem;background:var(--wash);margin:0}
.cards .label,.cards .note{display:block;color:var(--soft);font-size:.84rem;line-height:1.35}
.cards .value{display:block;font-size:1.45rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.4}
.scroll{overflow-x:auto;margin:.9rem 0;max-width:100%}
table{border-collapse:collapse;overflow-wrap:normal;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.86rem;padding:0 0 .35rem}
th,td{padding:.28rem .8rem .28rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
th:last-child,td:last-child{padding-right:.2rem}
thead th{vertical-align:bottom;font-weight:600;border-bottom:2px solid var(--rule);line-height:1.3}
tbody th{font-weight:500}
th.num,td.num{text-align:right}
thead th.num{white-space:normal;max-width:8rem}
td.prose,tbody th.prose{white-space:normal;min-width:15rem;max-width:38rem}
td.logged,tbody th.logged{white-space:normal;min-width:9rem;max-width:30rem;overflow-wrap:anywhere;font-weight:400}
tr.mark>*{background:var(--wash);font-weight:650}
tr.mark>th:first-child{box-shadow:inset 3px 0 var(--bad);padding-left:.5rem}
.beside{display:flex;flex-wrap:wrap;gap:0 3.5rem;align-items:flex-start}.beside>*{max-width:100%;min-width:0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.2rem 1.8rem;margin:1.1rem 0;align-items:start}
figure{margin:1rem 0;max-width:32rem;min-width:0}
figure.wide{max-width:none}
figure.code{max-width:60rem}
.figures figure{margin:0}
.picture{overflow-x:auto}
.wide .picture svg{min-width:44rem}
figcaption{color:var(--soft);font-size:.86rem;line-height:1.4;margin-top:.3rem}
details{margin:.6rem 0;border-radius:6px}
summary{cursor:pointer;color:var(--link)}
details.data{font-size:.86rem;color:var(--soft)}
@media (max-width:40rem){body{padding-top:.8rem}h1{font-size:1.35rem}h2{font-size:1.15rem}.cards{grid-template-columns:repeat(auto-fill,minmax(8.6rem,1fr))}.cards .value{font-size:1.2rem}td.prose,tbody th.prose{min-width:13rem}}
@media print{body{max-width:none;font-size:10pt;padding:0}nav,.skip,details.data{display:none}h2{break-after:avoid}figure,.callout,.cards li,tr{break-inside:avoid}a{text-decoration:none}.scroll,.picture,pre{overflow:visible}pre{white-space:pre-wrap}.wide .picture svg{min-width:0}table{font-size:8pt}th,td{white-space:normal}}
`
