// The types of an OpenAPI document for TypeScript, by openapi-typescript, as the compiler reads them. Usage: openapi_types.mjs DOCUMENT
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

// `import` does not look in NODE_PATH: the libraries are imported by their paths.
const library = (path) => import(pathToFileURL(`${process.env.NODE_PATH}/${path}`));
const { default: openapi, astToString } = await library('openapi-typescript/dist/index.mjs');
const { default: typescript } = await library('typescript/lib/typescript.js');

const [, , document] = process.argv;
const text = astToString(await openapi(pathToFileURL(document)));
assert.match(text, /export interface paths \{\n {4}"\//, 'there are no paths');
const { diagnostics } = typescript.transpileModule(text, { reportDiagnostics: true });
assert.deepEqual(diagnostics.map(({ messageText }) => messageText), []);
