/** The files of the built page, in memory, each as it is and compressed. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import { getMimeType } from 'hono/utils/mime'

type Bytes = Uint8Array<ArrayBuffer>

export interface PageFile {
  readonly type: string
  readonly tag: string
  /** The name contains a digest of the content. */
  readonly isHashed: boolean
  readonly bytes: Bytes
  readonly gzip: Bytes
  readonly brotli: Bytes
}

/** The files by their path in the console, such as `/assets/index-B1x2.js`. */
type PageFiles = ReadonlyMap<string, PageFile>

/** Reads the files of a built page once. */
export class BuiltPage {
  readonly #folder: string
  #loaded: Promise<PageFiles> | undefined

  /** `folder` ends with a separator. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Resolves with `undefined` while the page is not built. */
  async files(): Promise<PageFiles | undefined> {
    this.#loaded ??= filesIn(this.#folder)
    try {
      return await this.#loaded
    } catch (error) {
      this.#loaded = undefined
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
}

/** The page of this package: the same folder from `src/console` and from `dist/console`. */
export const ownPage: BuiltPage = new BuiltPage(fileURLToPath(new URL('../../dist/page/', import.meta.url)))

async function filesIn(folder: string): Promise<PageFiles> {
  const files = new Map<string, PageFile>()
  // Without the page itself, its other files are a build that has not ended.
  await readFile(join(folder, 'index.html'))
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const place = `/${path.slice(folder.length).replaceAll(sep, '/')}`
    files.set(place, await fileOf(path, place))
  }
  return files
}

async function fileOf(path: string, place: string): Promise<PageFile> {
  const bytes = copy(await readFile(path))
  return {
    type: getMimeType(path) ?? 'application/octet-stream',
    tag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    isHashed: place.startsWith('/assets/'),
    bytes,
    gzip: copy(await promisify(gzip)(bytes)),
    brotli: copy(await promisify(brotliCompress)(bytes)),
  }
}

/** A small Buffer may share its memory with others. */
const copy = (buffer: Buffer): Bytes => new Uint8Array(buffer)
