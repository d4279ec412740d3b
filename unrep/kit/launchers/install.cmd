@echo off
rem install.cmd [DIRECTORY]: puts unrep.cmd, which starts this kit, into a directory of the PATH. It asks nothing, and
rem can be run again, also from a newer kit. Without a directory it needs an administrator.
setlocal DisableDelayedExpansion
set "to=%~1"
if not defined to set "to=%SystemRoot%"
if not exist "%~dp0kit.json" goto incomplete
if not exist "%to%\unrep.cmd" goto write
set "line="
for /f "usebackq delims=" %%l in ("%to%\unrep.cmd") do if not defined line set "line=%%l"
if not defined line goto foreign
set "line=%line:"=%"
if not "%line:~0,13%"=="@rem The kit " goto foreign
:write
echo @rem The kit "%~dp0"> "%to%\unrep.cmd"
if errorlevel 1 goto refused
echo @"%~dp0unrep.exe" %%*>> "%to%\unrep.cmd"
if errorlevel 1 goto refused
if not exist "%to%\unrep.cmd" goto refused
echo "%to%\unrep.cmd": starts it. Next: unrep init SITE
exit /b 0
:incomplete
echo unrep: "%~dp0": is not complete: unpack the kit again 1>&2
exit /b 5
:foreign
echo unrep: "%to%\unrep.cmd": is there, and starts no kit: move it away, or name another directory 1>&2
exit /b 5
:refused
echo unrep: "%to%": cannot be written to: run this as an administrator 1>&2
exit /b 5
