#!/bin/sh
# Copies config/demo.yaml into callboard, which carries it so that the demo needs no file.
set -eu
cd "$(dirname "$0")/.."
out=Sources/CallboardCommand/Demo/DemoYAML.swift
{
  echo '// Made from config/demo.yaml by config/embed-demo.sh; a test proves that the two are equal.'
  echo
  echo '/// The configuration of the demo, carried along so that it needs no file.'
  echo 'let demoYAML = #"""'
  sed 's/^\(.\)/  \1/' config/demo.yaml
  echo '  """#'
} > "$out"
