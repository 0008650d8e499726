#!/usr/bin/env node
// The launcher, in plain JavaScript so that any Node can read it: it makes sure of the right Node
// and hands over to main.ts. npm scripts and npx find the pinned one first.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24
const major = Number(process.versions.node.split('.')[0])

if (major >= NODE_MAJOR_MIN) {
  await import('./main.ts')
} else {
  const pinned = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (existsSync(pinned) && process.env.POLLUX_TEST_NO_PINNED_NODE === undefined) {
    const { status, signal } = spawnSync(pinned, process.argv.slice(1), { stdio: 'inherit' })
    process.exitCode = signal ? 1 : (status ?? 1)
  } else {
    process.stderr.write(
      `Pollux needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node}.\n` +
        'On Linux (x64, arm64) `npm ci` brings the right one by itself; elsewhere install it from nodejs.org.\n',
    )
    process.exitCode = 1
  }
}
