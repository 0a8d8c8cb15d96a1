// Reads {"name": text} as JSON from standard input, and writes {"name": [[line, start, end, [scope, …]], …]}: the
// tokens of each text as the engine of VS Code finds them with our grammar. Lines and columns from 0 (UTF-16 units).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const here = dirname(fileURLToPath(import.meta.url));
const wasm = readFileSync(join(dirname(require.resolve("vscode-oniguruma")), "onig.wasm"));
await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));

const path = join(here, "..", "syntaxes", "refine.tmLanguage.json");
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () => textmate.parseRawGrammar(readFileSync(path, "utf8"), path),
});
const grammar = await registry.loadGrammar("source.refine");

const texts = JSON.parse(readFileSync(0, "utf8"));
const answer = {};
for (const [name, text] of Object.entries(texts)) {
  let stack = textmate.INITIAL;
  answer[name] = [];
  text.split("\n").forEach((line, number) => {
    const result = grammar.tokenizeLine(line, stack);
    stack = result.ruleStack;
    for (const token of result.tokens) {
      answer[name].push([number, token.startIndex, token.endIndex, token.scopes]);
    }
  });
}
process.stdout.write(JSON.stringify(answer));
