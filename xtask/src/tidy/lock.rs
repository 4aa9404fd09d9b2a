//! Lock files name the public registry and nothing else.

use super::{Finding, Tree};

const REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        for (index, line) in file.text.lines().enumerate() {
            let foreign = match name {
                "Cargo.lock" => line.starts_with("source = ") && line != REGISTRY,
                // npm writes where each package came from, unless .npmrc omits it.
                "package-lock.json" => line.contains("\"resolved\":"),
                _ => break,
            };
            if foreign {
                findings.push(Finding::at(
                    &file.path,
                    index + 1,
                    "a lock file names no place but the public registry",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{REGISTRY, check};
    use crate::tidy::Tree;

    #[test]
    fn the_registry_passes_and_other_places_are_found() {
        let good = format!("name = \"bytes\"\n{REGISTRY}\n");
        assert_eq!(check(&Tree::of(&[("Cargo.lock", &good)])), []);
        let git = "source = \"git+https://example.org/bytes#0123\"\n";
        assert_eq!(check(&Tree::of(&[("fuzz/Cargo.lock", git)])).len(), 1);
        let mirror = "source = \"registry+https://mirror.example.org/index\"\n";
        assert_eq!(check(&Tree::of(&[("Cargo.lock", mirror)])).len(), 1);
        let npm = "      \"resolved\": \"https://mirror.example.org/nats.tgz\",\n";
        assert_eq!(check(&Tree::of(&[("conformance/foreign/node/package-lock.json", npm)])).len(), 1);
    }
}
