/** Drivers are loaded when they are needed: one that is not installed is told by its name. */
import { MissingDriverError } from '../errors/index.ts'

/** What `load` imports or opens. @throws MissingDriverError */
export async function withDriver<T>(driver: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    throw isMissing ? new MissingDriverError(driver, error) : error
  }
}
