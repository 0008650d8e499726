#!/usr/bin/env node
// The launcher, in plain JavaScript so that any Node can read it: it makes sure of the right Node
// and hands over to main.ts. npm scripts and npx find the pinned one first.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
  // A third of a start is stripping types and compiling. Where the folder cannot be written, Node goes
  // on without; `npm ci` empties it.
  module.enableCompileCache(
    fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)),
  )
  await import('./main.ts')
} else runOnPinnedNode()

function runOnPinnedNode() {
  const pinned = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (!existsSync(pinned)) {
    process.stderr.write(
      `Pollux needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node}.\n` +
        'On Linux (x64, arm64) `npm ci` brings the right one by itself; elsewhere install it from nodejs.org.\n',
    )
    process.exitCode = 1
    return
  }
  const child = spawn(pinned, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.once('exit', (code, signal) => {
    process.exitCode = signal ? 1 : code
  })
}
