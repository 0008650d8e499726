// Where the parts of the program that are not code lie, relative to it.

import { fileURLToPath } from 'node:url'

const at = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

export const SHIPPED_PROFILES_DIR = at('../oids')
export const VIEWS_DIR = at('../views')
export const PUBLIC_DIR = at('../public')
export const NODE_MODULES_DIR = at('../node_modules')
