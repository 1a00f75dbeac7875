// Takes of @kubernetes/client-node what is used, and leaves its generated APIs out: they hold 47 MB and a second of each start.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const name = '@kubernetes/client-node';
const used = ['Exec', 'KubeConfig'];

/** Its modules declare classes and tables: without side effects, so that what nobody imports is left out. */
const withoutSideEffects = {
  name: 'without-side-effects',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, resolveDir }) => {
      if (path === name) return { path: fileURLToPath(import.meta.resolve(name)) };
      return path.startsWith('.')
        ? { path: join(resolveDir, path), sideEffects: false }
        : { path, external: true };
    });
  },
};

/**
 * The plugin of esbuild: what is used of the package becomes one module. It is made first and by itself,
 * since a module that is imported late keeps all that it could ever need.
 */
export const leanClient = {
  name: 'lean-client',
  setup({ esbuild, onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: 'lean' }));
    onLoad({ filter: /.*/, namespace: 'lean' }, async () => {
      const { outputFiles } = await esbuild.build({
        stdin: { contents: `export { ${used.join(', ')} } from '${name}';`, resolveDir: root },
        ...{ bundle: true, write: false, platform: 'node', target: 'node20', format: 'esm' },
        ...{ plugins: [withoutSideEffects], logLevel: 'warning' },
      });
      return { contents: outputFiles[0].text, resolveDir: root };
    });
  },
};
