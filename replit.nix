# What the build of GLB Optimizer needs beside the modules in .replit. Nix has no list of libraries to look into: where
# libclang is has to be said.
{ pkgs }: {
  deps = [ pkgs.gcc pkgs.cmake pkgs.gnumake pkgs.nasm pkgs.libclang.lib ];
  env.LIBCLANG_PATH = "${pkgs.libclang.lib}/lib";
}
