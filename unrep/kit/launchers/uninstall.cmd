@echo off
rem uninstall.cmd [DIRECTORY]: takes away what install.cmd made. Sites stay as they are, and so does this folder.
setlocal DisableDelayedExpansion
set "to=%~1"
if not defined to set "to=%SystemRoot%"
if not exist "%to%\unrep.cmd" goto gone
set "line="
for /f "usebackq delims=" %%l in ("%to%\unrep.cmd") do if not defined line set "line=%%l"
if not defined line goto other
set "line=%line:"=%"
if /i not "%line%"=="@rem The kit %~dp0" goto other
del "%to%\unrep.cmd"
if exist "%to%\unrep.cmd" goto refused
echo "%to%\unrep.cmd": removed. Agents that are services stay
exit /b 0
:gone
echo "%to%\unrep.cmd": is not there
exit /b 0
:other
echo "%to%\unrep.cmd": does not start this kit, and stays
exit /b 0
:refused
echo unrep: "%to%\unrep.cmd": cannot be removed: run this as an administrator 1>&2
exit /b 5
