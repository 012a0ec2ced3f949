"""The look of the page, light and dark; colours are those of the theme."""

STYLE = """
:root { --soft: #55606f; --link: #14665a; }
.dark { --soft: #a3adba; --link: #5fc7b5; }
.nav-holder { display: none !important; }
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
footer { display: none !important; }
.prose h1, .prose h2 { letter-spacing: -0.01em; margin: 0; }
.top h1 { font-size: 1.9rem; margin: 1rem 0 0.25rem; }
.top p { color: var(--soft); margin: 0 0 0.5rem; max-width: 62ch; }
.top a.back { font-size: 0.9rem; text-decoration: none; color: var(--link); }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr));
  margin: 0.5rem 0 2rem; }
a.card { display: block; text-align: left; border: 1px solid var(--border-color-primary); border-radius: 12px;
  padding: 1.1rem 1.2rem; background: var(--background-fill-primary); color: var(--body-text-color) !important;
  text-decoration: none !important; }
a.card:hover, a.card:focus-visible { border-color: var(--color-accent); box-shadow: 0 2px 12px rgb(0 0 0 / 8%); }
a.card strong { display: block; font-size: 1.1rem; margin-bottom: 0.2rem; }
a.card span { display: block; color: var(--soft); font-size: 0.92rem; line-height: 1.45; }
a.card em { display: block; font-style: normal; font-size: 0.82rem; color: var(--link); margin-top: 0.6rem; }
.html-container:has(> .prose > .top, > .prose > .about, .top, .about) { padding-left: 0; padding-right: 0; }
.chosen { min-height: 0 !important; }
.about code { white-space: nowrap; }
.gradio-container button.lg { font-size: 0.95rem; padding: 0.55rem 0.75rem; }
.command textarea { font-family: var(--font-mono); font-size: 0.86rem; }
.result figure { margin: 0.75rem 0; }
.result img, .result video { display: block; max-width: 100%; max-height: 75vh; margin: 0 auto; border-radius: 8px; }
.chosen img, .chosen video { max-height: 190px; }
.result iframe.view { width: 100%; height: 460px; border: 1px solid var(--border-color-primary); border-radius: 8px;
  background: #fff; }
.state { border-radius: 8px; padding: 0.6rem 0.9rem; margin: 0; font-weight: 600; }
.state.done { color: #14665a; background: #e4f3f0; }
.state.working { color: var(--body-text-color); background: var(--background-fill-secondary); }
.state.wrong { color: #8f1d21; background: #fdeaea; overflow-wrap: anywhere; }
.dark .state.done { color: #7fdccb; background: #12302b; }
.dark .state.wrong { color: #ffb3b3; background: #3a1a1c; }
.note { color: var(--soft); font-size: 0.86rem; margin: 0.5rem 0 0; overflow-wrap: anywhere; }
ul.files { list-style: none; padding: 0; margin: 0.8rem 0 0; display: flex; flex-wrap: wrap; gap: 0.5rem; }
ul.files li { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 0.3rem 0.7rem; margin: 0;
  font-size: 0.9rem; }
ul.files span { color: var(--soft); font-size: 0.82rem; }
.table { overflow-x: auto; margin: 0.75rem 0; max-width: calc(100vw - 3.5rem); }
.table table { border-collapse: collapse; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
.table th, .table td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--border-color-primary); text-align: left;
  white-space: nowrap; }
.result details { margin: 0.6rem 0; font-size: 0.9rem; }
.result pre { max-height: 320px; overflow: auto; font-size: 0.82rem; padding: 0.75rem; border-radius: 8px;
  background: var(--background-fill-secondary); }
.about { color: var(--soft); font-size: 0.86rem; }
@media (max-width: 640px) { .gradio-container { padding: 0 0.25rem !important; } .top h1 { font-size: 1.5rem; } }
"""
