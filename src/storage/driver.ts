/** Loads database drivers when a store first needs them, and names a driver that is not installed. */
import { MissingDriverError } from '../errors/index.ts'

/** Returns what `load` imports or opens. @throws MissingDriverError if the driver's package is not installed */
export async function withDriver<T>(driver: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    throw isMissing ? new MissingDriverError(driver, error) : error
  }
}
