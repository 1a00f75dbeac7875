/** The YAML of pages of docs/tasks, so that what users copy is what suites run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCheckout } from '../../demo/rig/index.js';

/** The blocks of a page that have a file name, `canary.yaml`, by that name. */
export async function pageYaml(page: string): Promise<ReadonlyMap<string, string>> {
  const path = join(findCheckout().root, 'docs', 'tasks', `${page}.md`);
  const text = await readFile(path, 'utf8');
  const blocks = text.matchAll(/^```yaml (\S+\.yaml)\n([^]*?)^```$/gm);
  return new Map([...blocks].map(([, name = '', yaml = '']) => [name, yaml]));
}
