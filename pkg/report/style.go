package report

// style is the style sheet of HTML pages. Colours have names, so that the dark ones are
// a second set of values and paper always has the light ones. Fills and lines of charts
// take theirs from classes: the Content-Security-Policy allows this sheet and nothing
// else, no style attributes either.
const style = `
:root{--page:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;
--good:#1a7f37;--good-page:#e6f4ea;--bad:#b42318;--bad-page:#fdecea;--odd:#8a5a00;--odd-page:#fdf3dc;
--neutral:#8c959f;--sound:#2da44e;--wrong:#d1242f;--doubtful:#d97706;--foreign:#8250df;
--s0:#0969c3;--s1:#d97706;--s2:#1a8a5f;--s3:#b43e8f;--s4:#6e56cf;--s5:#5b9bd5;--s6:#8f6a3a;--s7:#8c959f}
@media screen and (prefers-color-scheme:dark){:root{--page:#0d1117;--ink:#e6edf3;--soft:#9aa4af;--line:#30363d;--panel:#161b22;
--good:#4ac26b;--good-page:#10281a;--bad:#ff8a80;--bad-page:#331413;--odd:#e3b341;--odd-page:#2d2209;
--neutral:#6e7681;--sound:#2f9e4f;--wrong:#ff6b64;--doubtful:#e8963a;--foreign:#b392f0;
--s0:#58a6ff;--s1:#e8963a;--s2:#3fb984;--s3:#e37cc0;--s4:#a590f5;--s5:#8cc4f5;--s6:#c29a66;--s7:#8b949e}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.25rem 0 .5rem;padding-bottom:.25rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}
p{margin:.5rem 0;overflow-wrap:anywhere}
ul{margin:.5rem 0;padding-left:1.25rem}
li{overflow-wrap:anywhere}
a{color:inherit}
.notice{display:flex;gap:1rem;align-items:flex-start;margin:1rem 0;padding:1rem 1.25rem;border:1px solid var(--line);border-left:.4rem solid var(--neutral);border-radius:.4rem;background:var(--panel)}
.notice p{margin:0}
.notice .word{font-weight:700;font-size:1.2rem}
.sign{flex:none;font-size:1.2rem;font-weight:700;line-height:1.5}
.notice.good{border-color:var(--good);background:var(--good-page)}
.notice.bad{border-color:var(--bad);background:var(--bad-page)}
.notice.odd{border-color:var(--odd);background:var(--odd-page)}
.notice.good .word,.notice.good .sign,dd.good,td.good{color:var(--good)}
.notice.bad .word,.notice.bad .sign,dd.bad,td.bad{color:var(--bad)}
.notice.odd .word,.notice.odd .sign,dd.odd,td.odd{color:var(--odd)}
td.good,td.bad,td.odd{font-weight:600}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.2rem 1.25rem;margin:1rem 0}
dt{grid-column:1;color:var(--soft)}
dd{grid-column:2;margin:0;overflow-wrap:anywhere}
.table,.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600;white-space:nowrap}
td{white-space:nowrap;font-variant-numeric:tabular-nums}
td.long{white-space:normal;overflow-wrap:anywhere;min-width:12rem}
th.number,td.number{text-align:right}
tr:target td{background:var(--odd-page)}
figure{margin:1rem 0}
figcaption{font-weight:600;font-size:.95rem}
figure p{margin:.15rem 0 0;font-size:.85rem;color:var(--soft)}
figure svg{display:block;width:100%;min-width:40rem;height:auto;margin-top:.35rem}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;padding:0;margin:.25rem 0;font-size:.85rem}
.key svg{display:inline-block;width:.8rem;min-width:0;height:.8rem;margin:0 .35rem 0 0;vertical-align:-.05rem}
svg text{font-size:12px;fill:var(--soft)}
svg .name{fill:var(--ink)}
.end{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.track{fill:var(--panel)}
.break{fill:var(--page);stroke:var(--neutral);stroke-width:1;stroke-dasharray:3 3}
.neutral{fill:var(--neutral)}.sound{fill:var(--sound)}.wrong{fill:var(--wrong)}.doubtful{fill:var(--doubtful)}.foreign{fill:var(--foreign)}
.hatched{fill:url(#hatch);stroke:var(--wrong);stroke-width:1}
.gap{fill:var(--page)}.hatch{stroke:var(--wrong);stroke-width:2}
.a0{fill:var(--s0)}.a1{fill:var(--s1)}.a2{fill:var(--s2)}.a3{fill:var(--s3)}.a4{fill:var(--s4)}.a5{fill:var(--s5)}.a6{fill:var(--s6)}.a7{fill:var(--s7)}
.l0,.l1,.l2,.l3,.l4,.l5,.l6,.l7{fill:none;stroke-width:1.5;stroke-linejoin:round}
.l0{stroke:var(--s0)}.l1{stroke:var(--s1)}.l2{stroke:var(--s2)}.l3{stroke:var(--s3)}.l4{stroke:var(--s4)}.l5{stroke:var(--s5)}.l6{stroke:var(--s6)}.l7{stroke:var(--s7)}
.band{opacity:.22}
.defs{position:absolute;width:0;height:0}
.spark{display:block;width:120px;height:20px}
@media (max-width:40rem){dl{grid-template-columns:1fr}dd{grid-column:1;margin-bottom:.4rem}}
@page{margin:15mm}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
h2,h3{break-after:avoid}figure,.notice,tr,li{break-inside:avoid}thead{display:table-header-group}
.table,.wide{overflow:visible}figure svg{min-width:0}td.long{min-width:0}table{font-size:8.5pt}td{white-space:normal}}
`

// patterns are what fills refer to. The picture they are in is of no size and not
// hidden, because browsers do not take patterns out of hidden ones.
const patterns = `<svg class="defs" aria-hidden="true" focusable="false"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="gap" d="M0 0H6V6H0Z"/><path class="hatch" d="M1 0V6"/></pattern></defs></svg>
`
