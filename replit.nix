# What the build of GLB Optimizer needs beside the modules in .replit.
{ pkgs }: {
  deps = [ pkgs.gcc pkgs.cmake pkgs.gnumake pkgs.nasm pkgs.libclang.lib ];
}
